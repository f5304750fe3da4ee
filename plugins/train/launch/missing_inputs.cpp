#include <fmt/format.h>

#include "data/dataset_info.hpp"
#include "train/launch/checks.hpp"

namespace lmf::train {

std::vector<config::Problem> missing_inputs(const config::Options& options,
                                            const std::filesystem::path& share_directory) {
  std::vector<config::Problem> problems;
  const auto look = [&](const char* name, const auto& step) {
    if (options.is_null(name)) return;
    try {
      step(options.text(name));
    } catch (const Error& failure) {
      problems.push_back({fmt::format("{}: {}: {}", options.origin(name), name, failure.what()), failure.hint()});
    }
  };
  look("model_name_or_path", [&](const std::string& name) {
    model::DecoderSpec::read(model::resolve_model(name, options.text("model_revision"), options.text("cache_dir")),
                             taken_weights(options));
  });
  look("template", [&](const std::string& name) { text::ChatTemplate::load(share_directory, name); });
  look("tool_format", [&](const std::string& name) { text::ToolFormat::load(share_directory, name); });
  std::vector<std::string> datasets;
  look("dataset_dir", [&](const std::string& folder) {
    for (const char* named : {"dataset", "eval_dataset"}) data::resolve_datasets(options.list(named), folder, datasets);
  });
  for (std::string& problem : datasets) problems.push_back({std::move(problem), {}});
  return problems;
}

}  // namespace lmf::train
