#include "infer/answer_options.hpp"

#include <fmt/format.h>

#include "lmf/error.hpp"
#include "model/decoder_spec.hpp"

namespace lmf::infer {

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

std::optional<std::int64_t> read_bits(const config::Options& options) {
  if (options.is_null("quantization_bit")) return std::nullopt;
  const std::int64_t bits = options.integer("quantization_bit");
  if (bits != 8 && bits != 4)
    throw Error(fmt::format("{}: quantization_bit is {}, expected 8 or 4", options.origin("quantization_bit"), bits),
                {}, kExitUsage);
  return bits;
}

}  // namespace

AnswerOptions read_answer_options(const config::Options& options) {
  AnswerOptions answer;
  ModelChoice& choice = answer.model;
  choice.model = options.text("model_name_or_path");
  if (choice.model.empty())
    throw Error("no model is named",
                "pass --model_name_or_path DIR, the folder of a model or its name in the Hugging Face cache",
                kExitUsage);
  choice.revision = options.text("model_revision");
  choice.cache_directory = options.text("cache_dir");
  choice.adapters = model::adapter_names(options.list("adapter_name_or_path"));
  choice.chat_template = read_template_choice(options);
  choice.dtype = options.text("infer_dtype");
  choice.bits = read_bits(options);
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
