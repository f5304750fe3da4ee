#pragma once

#include <cstddef>
#include <string_view>

namespace lmf::text {

/// Where the word that begins at text[at] ends (at < text.size(), text valid UTF-8). Every character belongs to a word.
using WordScanner = std::size_t (*)(std::string_view text, std::size_t at);

/// A hand-written equal of `pattern` for the split patterns of GPT-2, Llama 3, Qwen 2 and Mistral's Tekken; null for
/// any other. The patterns themselves, run by Regex, are the scanners' test oracle.
WordScanner scanner_for(std::string_view pattern);

extern const std::string_view kGpt2Pattern, kLlama3Pattern, kQwen2Pattern, kTekkenPattern;

}  // namespace lmf::text
