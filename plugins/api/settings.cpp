#include "settings.hpp"

#include <filesystem>

#include "lmf/error.hpp"
#include "model/adapter.hpp"
#include "model/decoder_spec.hpp"

namespace lmf::api {
namespace {

std::string text_or_empty(const config::Options& options, std::string_view name) {
  return options.is_null(name) ? std::string() : options.text(name);
}

/// "Qwen2.5-0.5B-Instruct" of a folder or a name in the cache.
std::string last_part(std::string path) {
  while (path.size() > 1 && path.ends_with('/')) path.pop_back();
  std::string name = std::filesystem::path(path).filename().string();
  return name.empty() || name == "." || name == ".." ? "model" : name;
}

}  // namespace

Settings read_settings(const config::Options& options) {
  Settings settings;
  infer::ModelChoice& model = settings.model;
  model.model = text_or_empty(options, "model_name_or_path");
  if (model.model.empty())
    throw Error("no model is named",
                "pass --model_name_or_path DIR, the folder of a model or its name in the Hugging Face cache",
                kExitUsage);
  settings.environment = read_environment();
  model.revision = options.text("model_revision");
  model.cache_directory = text_or_empty(options, "cache_dir");
  model.adapters = lmf::model::adapter_names(options.list("adapter_name_or_path"));
  model.chat_template = text_or_empty(options, "template");
  if (!options.is_null("default_system")) model.system = options.text("default_system");
  model.dtype = options.text("infer_dtype");
  if (!options.is_null("quantization_bit")) model.bits = options.integer("quantization_bit");
  model.use_cpu = options.flag("use_cpu");
  model.sequences = settings.environment.concurrent.value_or(8);
  model.most_waiting = static_cast<std::size_t>(settings.environment.queue);
  settings.sampling.do_sample = options.flag("do_sample");
  settings.sampling.temperature = options.number("temperature");
  settings.sampling.top_k = options.integer("top_k");
  settings.sampling.top_p = options.number("top_p");
  settings.sampling.repetition_penalty = options.number("repetition_penalty");
  settings.sampling.check();
  settings.max_new_tokens = options.integer("max_new_tokens");
  settings.max_length = options.integer("max_length");
  settings.skip_special_tokens = options.flag("skip_special_tokens");
  const std::string& name = settings.environment.model_name;
  settings.served_name = name.empty() ? last_part(model.model) : name;
  return settings;
}

}  // namespace lmf::api
