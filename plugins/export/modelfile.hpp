#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "text/chat_template.hpp"
#include "text/tokenizer.hpp"

namespace lmf::exporter {

/// The Modelfile for ollama: the chat template in Go's template language, the default system text, what ends an answer,
/// and how long a conversation may be. `from`: "." or a GGUF file. Without a template (null) it leaves the choice to
/// ollama, which looks into the tokenizer's.
std::string modelfile(const text::ChatTemplate* chat_template, const text::Tokenizer& tokenizer,
                      const std::string& from, std::int64_t context_length);

}  // namespace lmf::exporter
