// What `lmf train --check` finds out about the files that a configuration names.
#include "train/launch/checks.hpp"

#include <fmt/format.h>

#include "train/shared/evaluation_choice.hpp"
#include "train/shared/inputs.hpp"
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
  const auto look_at = [&](const data::PrepareOptions& with, std::string_view what, const std::string& name) {
    const data::DatasetCheck data = check_data(inputs, with);
    for (const std::string& problem : data.problems) result.problems.push_back({problem, {}});
    result.unlisted_problems += data.unlisted;
    result.lines.push_back(fmt::format("{}{}: {} examples of {} records, {} tokens", what, name, data.report.kept,
                                       data.report.read, data.report.tokens));
    for (const std::string& remark : data::remarks(data.report)) result.lines.push_back("            " + remark);
    return data.report.kept;
  };
  if (options.flag("do_train") && !options.list("dataset").empty())
    result.examples =
        look_at(data_options(options), "data      ", fmt::format("{}", fmt::join(options.list("dataset"), ", ")));
  if (inputs.resumed && result.examples > 0)
    for (config::Problem& problem : end_problems(options, *inputs.resumed, result.examples, ranks))
      result.problems.push_back(std::move(problem));
  for (const EvaluationData& data : evaluation_data(options))
    if (!data.options.datasets.empty()) look_at(data.options, "evaluate  ", data.shown);
  return result;
}

}  // namespace lmf::train
