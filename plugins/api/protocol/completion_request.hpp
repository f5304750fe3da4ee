#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "protocol/generation_fields.hpp"

namespace lmf::api {

/// A prompt as text, or as the tokens that it is.
using Prompt = std::variant<std::string, std::vector<std::int32_t>>;

/// A member that is a text, a list of texts, tokens, or a list of such. Throws ApiError.
std::vector<Prompt> read_prompts(const Body& body, const char* name, std::size_t most, const Bounds& bounds);

struct CompletionRequest {
  GenerationFields fields;
  std::vector<Prompt> prompts;  ///< at least one, none an empty list of tokens
  std::optional<int> logprobs;
  bool echo = false;
};

/// POST /v1/completions. Throws ApiError.
CompletionRequest read_completion_request(std::string_view bytes, const Bounds& bounds);

/// POST /tokenize: {"content": TEXT} or {"prompt": TEXT}; "add_special_tokens" (or "add_special").
struct TokenizeRequest {
  std::string text;
  bool add_special_tokens = false, pieces = false;
};
TokenizeRequest read_tokenize_request(std::string_view bytes);

/// POST /detokenize: {"tokens": [...]}.
std::vector<std::int32_t> read_detokenize_request(std::string_view bytes, const Bounds& bounds);

}  // namespace lmf::api
