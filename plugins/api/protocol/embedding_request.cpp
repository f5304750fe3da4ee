#include "protocol/embedding_request.hpp"

#include <bit>
#include <cmath>
#include <cstring>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "base/printable.hpp"
#include "protocol/api_error.hpp"
#include "protocol/json_text.hpp"

namespace lmf::api {
namespace {

constexpr std::size_t kMostTexts = 2048;
/// All are kept until the last is there, and written as up to 13 letters each.
constexpr std::size_t kMostNumbers = std::size_t{8} << 20;

/// One of two words, the first by default. True: the second.
bool read_word(const Body& body, const char* name, const char* first, const char* second) {
  const std::string word = body.text(name).value_or(first);
  if (word != first && word != second)
    throw ApiError::invalid(name, fmt::format("{} is '{}', expected {} or {}", name, shortened(word), first, second));
  return word == second;
}

std::string base64_text(const std::vector<float>& vector) {
  static_assert(std::endian::native == std::endian::little);
  constexpr std::string_view kLetters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string bytes(vector.size() * sizeof(float), '\0'), text;
  std::memcpy(bytes.data(), vector.data(), bytes.size());
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    const std::size_t count = std::min<std::size_t>(bytes.size() - i, 3);
    std::uint32_t bits = 0;
    for (std::size_t j = 0; j < 3; ++j) bits = bits << 8 | (j < count ? static_cast<unsigned char>(bytes[i + j]) : 0u);
    for (std::size_t j = 0; j < 4; ++j) text += j <= count ? kLetters[bits >> (18 - 6 * j) & 63] : '=';
  }
  return text;
}

/// JSON has no infinity; a model that gives one has failed.
void refuse_infinite(const std::vector<float>& numbers) {
  for (const float number : numbers)
    if (!std::isfinite(number)) throw Error("the model's numbers are not finite");
}

}  // namespace

EmbeddingRequest read_embedding_request(std::string_view bytes, const Bounds& bounds) {
  const Body body = Body::parse(bytes);
  EmbeddingRequest request;
  request.inputs = read_prompts(body, "input", kMostTexts, bounds);
  for (const Prompt& prompt : request.inputs)
    if (const auto* text = std::get_if<std::string>(&prompt); text && text->empty())
      throw ApiError::invalid("input", "input has an empty text");
  request.model = body.text("model").value_or("");
  request.base64 = read_word(body, "encoding_format", "float", "base64");
  request.last_token = read_word(body, "pooling", "mean", "last");
  request.dimensions = body.integer("dimensions", 1, 1 << 20);
  return request;
}

ScoreRequest read_score_request(std::string_view bytes) {
  const Body body = Body::parse(bytes);
  ScoreRequest request;
  const Json* texts = body.find("messages");
  if (texts == nullptr) throw ApiError::invalid("messages", "messages is missing: the list of texts to be judged");
  if (!texts->is_array() || texts->empty() || texts->size() > kMostTexts)
    throw ApiError::invalid(
        "messages",
        fmt::format("messages is {}, expected a list of 1 to {} texts",
                    texts->is_array() ? fmt::format("a list of {}", texts->size()) : kind_of(*texts), kMostTexts));
  for (const Json& text : *texts) {
    if (!text.is_string())
      throw ApiError::invalid("messages", fmt::format("messages has {} among its texts", kind_of(text)));
    request.texts.push_back(text.get<std::string>());
  }
  request.model = body.text("model").value_or("");
  request.max_length = body.integer("max_length", 1, 1 << 30);
  return request;
}

void require_moderate(std::size_t texts, std::int64_t size, const std::string& member) {
  const std::size_t most = kMostNumbers / static_cast<std::size_t>(size);
  if (texts > most)
    throw ApiError::invalid(member, fmt::format("{} has {} texts, which would be {} numbers each: send at most {} at "
                                                "once",
                                                member, texts, size, most));
}

void make_unit_length(std::vector<float>& vector) {
  double sum = 0;
  for (const float value : vector) sum += static_cast<double>(value) * value;
  if (sum == 0) return;
  for (float& value : vector) value = static_cast<float>(value / std::sqrt(sum));
}

std::string embedding_answer(const std::string& model, const std::vector<std::vector<float>>& vectors, bool base64,
                             std::int64_t tokens) {
  std::string data;
  for (std::size_t i = 0; i < vectors.size(); ++i) {
    refuse_infinite(vectors[i]);
    data +=
        fmt::format(R"({}{{"object":"embedding","index":{},"embedding":{}}})", i == 0 ? "" : ",", i,
                    base64 ? "\"" + base64_text(vectors[i]) + "\"" : fmt::format("[{}]", fmt::join(vectors[i], ",")));
  }
  return fmt::format(R"({{"object":"list","data":[{}],"model":{},"usage":{{"prompt_tokens":{},"total_tokens":{}}}}})",
                     data, json_string(model), tokens, tokens);
}

std::string score_answer(const std::string& id, const std::string& model, const std::vector<float>& scores) {
  refuse_infinite(scores);
  return fmt::format(R"({{"id":{},"object":"score.evaluation","model":{},"scores":[{}]}})", json_string(id),
                     json_string(model), fmt::join(scores, ","));
}

}  // namespace lmf::api
