#include "settings.hpp"

#include <algorithm>
#include <filesystem>

#include <fmt/format.h>

#include "lmf/error.hpp"

namespace lmf::api {
namespace {

/// "Qwen2.5-0.5B-Instruct" of a folder or a name in the cache.
std::string last_part(std::string path) {
  while (path.size() > 1 && path.ends_with('/')) path.pop_back();
  std::string name = std::filesystem::path(path).filename().string();
  return name.empty() || name == "." || name == ".." ? "model" : name;
}

/// lora_modules: name=folder, as vLLM has it.
void read_apart(const config::Options& options, Settings& settings) {
  for (const std::string& entry : options.list("lora_modules")) {
    const auto sign = entry.find('=');
    const std::string name = entry.substr(0, sign), folder = sign == entry.npos ? "" : entry.substr(sign + 1);
    const std::string origin = options.origin("lora_modules");
    if (name.empty() || folder.empty())
      throw Error(fmt::format("lora_modules ({}) has '{}', expected NAME=FOLDER", origin, entry),
                  "for example --lora_modules sql=saves/sql,chat=saves/chat", kExitUsage);
    if (name == settings.served_name || std::ranges::find(settings.adapter_names, name) != settings.adapter_names.end())
      throw Error(fmt::format("lora_modules ({}) has the name '{}', which is another model's here", origin, name),
                  "give each adapter a name of its own; the model's is its folder's, or API_MODEL_NAME", kExitUsage);
    settings.adapter_names.push_back(name);
    settings.model.apart.push_back(folder);
  }
}

}  // namespace

std::vector<ModelId> served_models(const Settings& settings) {
  std::vector<ModelId> models = {{settings.served_name, -1}};
  for (std::size_t i = 0; i < settings.adapter_names.size(); ++i)
    models.push_back({settings.adapter_names[i], static_cast<std::int32_t>(i)});
  return models;
}

Settings read_settings(const config::Options& options) {
  Settings settings;
  static_cast<infer::AnswerOptions&>(settings) = infer::read_answer_options(options);
  settings.environment = read_environment();
  infer::ModelChoice& model = settings.model;
  if (!options.is_null("default_system")) model.chat_template.default_system = options.text("default_system");
  model.sequences = settings.environment.concurrent.value_or(8);
  model.most_waiting = static_cast<std::size_t>(settings.environment.queue);
  settings.sampling.check();
  const std::string& name = settings.environment.model_name;
  settings.served_name = name.empty() ? last_part(model.model) : name;
  read_apart(options, settings);
  return settings;
}

}  // namespace lmf::api
