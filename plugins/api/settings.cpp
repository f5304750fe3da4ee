#include "settings.hpp"

#include <filesystem>

namespace lmf::api {
namespace {

/// "Qwen2.5-0.5B-Instruct" of a folder or a name in the cache.
std::string last_part(std::string path) {
  while (path.size() > 1 && path.ends_with('/')) path.pop_back();
  std::string name = std::filesystem::path(path).filename().string();
  return name.empty() || name == "." || name == ".." ? "model" : name;
}

}  // namespace

Settings read_settings(const config::Options& options) {
  Settings settings;
  static_cast<infer::AnswerOptions&>(settings) = infer::read_answer_options(options);
  settings.environment = read_environment();
  infer::ModelChoice& model = settings.model;
  if (!options.is_null("default_system")) model.system = options.text("default_system");
  model.sequences = settings.environment.concurrent.value_or(8);
  model.most_waiting = static_cast<std::size_t>(settings.environment.queue);
  settings.sampling.check();
  const std::string& name = settings.environment.model_name;
  settings.served_name = name.empty() ? last_part(model.model) : name;
  return settings;
}

}  // namespace lmf::api
