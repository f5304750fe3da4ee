#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/completion_request.hpp"

namespace lmf::api {

/// POST /v1/embeddings.
struct EmbeddingRequest {
  std::vector<Prompt> inputs;  ///< at least one, none empty
  std::string model;
  bool base64 = false;                     ///< encoding_format
  std::optional<std::int64_t> dimensions;  ///< only the first of them
  bool last_token = false;                 ///< pooling: the last token's state instead of the mean
};
EmbeddingRequest read_embedding_request(std::string_view bytes, const Bounds& bounds);

/// POST /v1/score/evaluation, which is LLaMA-Factory's.
struct ScoreRequest {
  std::vector<std::string> texts;  ///< "messages": at least one
  std::string model;
  std::optional<std::int64_t> max_length;  ///< longer texts are cut there
};
ScoreRequest read_score_request(std::string_view bytes);

/// Throws ApiError for more numbers than one answer may hold: `texts` times the model's `size`. `member`: where the
/// texts come from.
void require_moderate(std::size_t texts, std::int64_t size, const std::string& member);
/// Divides by the Euclidean length; a vector of zeros stays.
void make_unit_length(std::vector<float>& vector);
/// "base64": float32, little-endian, as OpenAI's clients ask for by default.
std::string embedding_answer(const std::string& model, const std::vector<std::vector<float>>& vectors, bool base64,
                             std::int64_t tokens);
std::string score_answer(const std::string& id, const std::string& model, const std::vector<float>& scores);

}  // namespace lmf::api
