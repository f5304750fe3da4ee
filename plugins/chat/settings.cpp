#include "settings.hpp"

#include <random>

#include "lmf/error.hpp"
#include "model/decoder_spec.hpp"

namespace lmf::chat {
namespace {

std::string text_or_empty(const config::Options& options, std::string_view name) {
  return options.is_null(name) ? std::string() : options.text(name);
}

std::uint64_t random_seed() {
  std::random_device device;
  return static_cast<std::uint64_t>(device()) << 32 | device();
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
  model.revision = options.text("model_revision");
  model.cache_directory = text_or_empty(options, "cache_dir");
  model.adapters = lmf::model::adapter_names(options.list("adapter_name_or_path"));
  model.chat_template = text_or_empty(options, "template");
  settings.system = text_or_empty(options, "default_system");
  settings.sampling.do_sample = options.flag("do_sample");
  settings.sampling.temperature = options.number("temperature");
  settings.sampling.top_k = options.integer("top_k");
  settings.sampling.top_p = options.number("top_p");
  settings.sampling.repetition_penalty = options.number("repetition_penalty");
  settings.sampling.seed = options.given("seed") ? static_cast<std::uint64_t>(options.integer("seed")) : random_seed();
  settings.max_new_tokens = options.integer("max_new_tokens");
  settings.max_length = options.integer("max_length");
  settings.skip_special_tokens = options.flag("skip_special_tokens");
  model.dtype = options.text("infer_dtype");
  if (!options.is_null("quantization_bit")) model.bits = options.integer("quantization_bit");
  model.use_cpu = options.flag("use_cpu");
  return settings;
}

Arguments split_prompts(std::span<const char* const> arguments) {
  Arguments result;
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    const std::string_view word = arguments[i];
    const auto equals = word.find('=');
    const auto name = word.substr(0, equals);
    if (name != "--prompt" && !(name == "prompt" && equals != word.npos)) {
      result.options.push_back(arguments[i]);
    } else if (equals != word.npos) {
      result.prompts.emplace_back(word.substr(equals + 1));
    } else if (i + 1 < arguments.size()) {
      result.prompts.emplace_back(arguments[++i]);
    } else {
      throw Error("--prompt has no text after it", "write --prompt \"What is the capital of France?\"", kExitUsage);
    }
  }
  return result;
}

}  // namespace lmf::chat
