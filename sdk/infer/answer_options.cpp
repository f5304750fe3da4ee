#include "infer/answer_options.hpp"

#include "lmf/error.hpp"
#include "model/decoder_spec.hpp"

namespace lmf::infer {

std::string text_or_empty(const config::Options& options, std::string_view name) {
  return options.is_null(name) ? std::string() : options.text(name);
}

namespace {

/// But for default_system.
text::TemplateChoice read_template_choice(const config::Options& options) {
  text::TemplateChoice choice;
  if (!options.is_null("template")) choice.name = options.text("template");
  if (!options.is_null("tool_format")) choice.tool_format = options.text("tool_format");
  choice.enable_thinking =
      options.is_null("enable_thinking") ? std::nullopt : std::optional(options.flag("enable_thinking"));
  choice.preserve_thinking = options.flag("preserve_thinking");
  return choice;
}

}  // namespace

AnswerOptions read_answer_options(const config::Options& options) {
  AnswerOptions answer;
  ModelChoice& choice = answer.model;
  choice.model = text_or_empty(options, "model_name_or_path");
  if (choice.model.empty())
    throw Error("no model is named",
                "pass --model_name_or_path DIR, the folder of a model or its name in the Hugging Face cache",
                kExitUsage);
  choice.revision = options.text("model_revision");
  choice.cache_directory = text_or_empty(options, "cache_dir");
  choice.adapters = model::adapter_names(options.list("adapter_name_or_path"));
  choice.chat_template = read_template_choice(options);
  choice.dtype = options.text("infer_dtype");
  if (!options.is_null("quantization_bit")) choice.bits = options.integer("quantization_bit");
  choice.use_cpu = options.flag("use_cpu");
  answer.sampling.do_sample = options.flag("do_sample");
  answer.sampling.temperature = options.number("temperature");
  answer.sampling.top_k = options.integer("top_k");
  answer.sampling.top_p = options.number("top_p");
  answer.sampling.repetition_penalty = options.number("repetition_penalty");
  answer.max_new_tokens = options.integer("max_new_tokens");
  answer.max_length = options.integer("max_length");
  answer.skip_special_tokens = options.flag("skip_special_tokens");
  return answer;
}

}  // namespace lmf::infer
