#pragma once

#include <filesystem>
#include <string>

#include "inputs.hpp"
#include "model/numbers.hpp"

namespace lmf::exporter {

/// Everything of a model's folder but the weights: config.json, generation_config.json, the tokenizer with the
/// template's repairs and its chat_template.jinja, Modelfile; and the value head of a reward model, where there is one.
/// `number`: how the weights are written, none: as they were. `model_file`: a GGUF file for Modelfile, or "";
/// none: no Modelfile.
void write_text_files(const Inputs& inputs, std::optional<model::Number> number,
                      const std::optional<std::string>& model_file, const std::filesystem::path& folder);

/// generation_config.json, with what ends an answer in the template beside what ended one before: programs that
/// generate by this file then stop where the training taught it.
std::string generation_config(const Inputs& inputs);

}  // namespace lmf::exporter
