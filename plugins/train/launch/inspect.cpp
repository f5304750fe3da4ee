#include <optional>

#include <fmt/format.h>

#include "train/shared/inputs.hpp"
#include "train/launch/checks.hpp"
#include "train/shared/resume_checks.hpp"

namespace lmf::train {
namespace {

using config::Options;

std::vector<std::string> lines_of(const Inputs& inputs, const Options& options) {
  std::vector<std::string> lines;
  if (inputs.spec)
    lines.push_back(fmt::format("model     {} ({}, {} layers of {}{})", inputs.model_directory.string(),
                                inputs.spec->model_type, inputs.spec->layers, inputs.spec->hidden_size,
                                options.flag("train_from_scratch") ? ", from random weights" : ""));
  if (inputs.chat_template) lines.push_back(fmt::format("template  {}", inputs.chat_template->name));
  for (const std::string& note : inputs.notes) lines.push_back(fmt::format("note      {}", note));
  return lines;
}

}  // namespace

Inspection inspect_inputs(const Options& options, const std::filesystem::path& share_directory, int ranks) {
  Inspection result;
  const Inputs inputs = read_inputs(options, share_directory, result.problems);
  result.lines = lines_of(inputs, options);
  if (options.list("dataset").empty()) return result;
  const data::DatasetCheck data = check_data(inputs, options);
  result.examples = data.report.kept;
  if (inputs.resumed && result.examples > 0)
    for (config::Problem& problem : end_problems(options, *inputs.resumed, result.examples, ranks))
      result.problems.push_back(std::move(problem));
  for (const std::string& problem : data.problems) result.problems.push_back({problem, {}});
  result.unlisted_problems = data.unlisted;
  result.lines.push_back(fmt::format("data      {}: {} examples of {} records, {} tokens",
                                     fmt::join(options.list("dataset"), ", "), data.report.kept, data.report.read,
                                     data.report.tokens));
  return result;
}

}  // namespace lmf::train
