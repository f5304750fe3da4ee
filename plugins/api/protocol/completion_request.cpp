#include "protocol/completion_request.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "protocol/api_error.hpp"

namespace lmf::api {
namespace {

constexpr std::size_t kMostPrompts = 128;

Prompt read_prompt(const Json& value, const std::string& name, const Bounds& bounds) {
  if (value.is_string()) return value.get<std::string>();
  auto ids = read_token_ids(value, name, bounds);
  if (ids.empty()) throw ApiError::invalid(name, fmt::format("{} has an empty list of tokens", name));
  return ids;
}

}  // namespace

std::vector<Prompt> read_prompts(const Body& body, const char* name, std::size_t most, const Bounds& bounds) {
  const Json* value = body.find(name);
  if (value == nullptr) throw ApiError::invalid(name, fmt::format("{} is missing", name));
  const bool one = value->is_string() ||
                   (value->is_array() &&
                    std::any_of(value->begin(), value->end(), [](const Json& item) { return item.is_number(); }));
  if (one) return {read_prompt(*value, name, bounds)};
  if (!value->is_array() || value->empty())
    throw ApiError::invalid(name, fmt::format("{} is {}, expected a text, a list of texts, or tokens", name,
                                              value->is_array() ? "an empty list" : kind_of(*value)));
  if (value->size() > most)
    throw ApiError::invalid(name, fmt::format("{} has {} entries, at most {} are allowed", name, value->size(), most));
  std::vector<Prompt> prompts;
  for (const Json& item : *value) prompts.push_back(read_prompt(item, name, bounds));
  return prompts;
}

CompletionRequest read_completion_request(std::string_view bytes, const Bounds& bounds) {
  const Body body = Body::parse(bytes);
  CompletionRequest request;
  request.prompts = read_prompts(body, "prompt", kMostPrompts, bounds);
  request.fields = read_generation_fields(body, bounds);
  if (const auto logprobs = body.integer("logprobs", 0, 20)) request.logprobs = static_cast<int>(*logprobs);
  request.echo = body.flag("echo").value_or(false);
  if (static_cast<std::size_t>(request.fields.n) * request.prompts.size() > kMostPrompts)
    throw ApiError::invalid("n", fmt::format("n times the number of prompts is more than {}", kMostPrompts));
  return request;
}

TokenizeRequest read_tokenize_request(std::string_view bytes) {
  const Body body = Body::parse(bytes);
  TokenizeRequest request;
  // Of two names for the same, both have to be right.
  auto text = body.text("content"), prompt = body.text("prompt");
  if (!text) text = std::move(prompt);
  if (!text) throw ApiError::invalid("content", "content is missing: the text to take apart");
  request.text = std::move(*text);
  const auto special = body.flag("add_special_tokens"), shorter = body.flag("add_special");
  request.add_special_tokens = special.value_or(shorter.value_or(false));
  const auto pieces = body.flag("with_pieces"), strings = body.flag("return_token_strs");
  request.pieces = pieces.value_or(strings.value_or(false));
  return request;
}

std::vector<std::int32_t> read_detokenize_request(std::string_view bytes, const Bounds& bounds) {
  const Body body = Body::parse(bytes);
  const Json* tokens = body.find("tokens");
  if (tokens == nullptr) throw ApiError::invalid("tokens", "tokens is missing: the list of token numbers");
  return read_token_ids(*tokens, "tokens", bounds);
}

}  // namespace lmf::api
