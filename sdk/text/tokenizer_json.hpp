#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "text/added_tokens.hpp"
#include "text/bpe.hpp"
#include "text/normalizer.hpp"
#include "text/post_processor.hpp"
#include "text/pre_tokenizer.hpp"
#include "text/token_decoder.hpp"
#include "text/unicode.hpp"
#include "text/vocabulary.hpp"

namespace lmf::text {

constexpr std::uint64_t kLargestTokenizerFile = std::uint64_t{256} << 20;  ///< bytes; Llama 3's has 9 million

/// The parts of a tokenizer.json.
struct TokenizerJson {
  Vocabulary vocabulary;
  MergeTable merges;
  BpeOptions bpe;
  std::vector<AddedToken> added_tokens;  // in the file's order
  Normalizer normalizer;
  PreTokenizer pre_tokenizer;
  std::optional<PostProcessor> post_processor;
  TokenDecoder decoder;
};

/// Throws Error naming `origin`, the place in the file, and what there is wrong or not supported.
TokenizerJson read_tokenizer_json(std::string_view json, const std::string& origin);

/// `json` with its list of added tokens replaced by `tokens`.
std::string with_added_tokens(std::string_view json, const AddedTokens& tokens);

}  // namespace lmf::text
