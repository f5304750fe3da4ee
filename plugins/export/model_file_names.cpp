#include "model_file_names.hpp"

#include <algorithm>
#include <array>

namespace lmf::exporter {

bool is_of_a_model(std::string_view name) {
  constexpr std::array<std::string_view, 19> kNames = {"config.json",
                                                       "generation_config.json",
                                                       "quantize_config.json",
                                                       "model.safetensors",
                                                       "model.safetensors.index.json",
                                                       "pytorch_model.bin",
                                                       "pytorch_model.bin.index.json",
                                                       "value_head.safetensors",
                                                       "tokenizer.json",
                                                       "tokenizer_config.json",
                                                       "tokenizer.model",
                                                       "special_tokens_map.json",
                                                       "added_tokens.json",
                                                       "vocab.json",
                                                       "merges.txt",
                                                       "chat_template.jinja",
                                                       "chat_template.json",
                                                       "Modelfile",
                                                       "export_report.json"};
  const auto is_part = [&](std::string_view begin, std::string_view end) {
    return name.starts_with(begin) && name.ends_with(end);
  };
  return std::find(kNames.begin(), kNames.end(), name) != kNames.end() || is_part("model-", ".safetensors") ||
         is_part("pytorch_model-", ".bin") || is_part("model-", ".gguf");
}

}  // namespace lmf::exporter
