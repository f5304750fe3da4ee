#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "protocol/body.hpp"

namespace lmf::api {

/// What depends on the server and decides whether a request is right.
struct Bounds {
  std::int64_t vocab_size = 0;  ///< token ids are below
  bool lf_compat = false;       ///< presence_penalty is LLaMA-Factory's: a multiplicative repetition penalty
};

/// How to answer: the members that chat and text completions have in common. What is not given is the server's to
/// choose.
struct GenerationFields {
  std::optional<std::int64_t> max_tokens;
  std::optional<bool> do_sample;
  std::optional<double> temperature, top_p, min_p, repetition_penalty, presence_penalty, frequency_penalty;
  std::optional<std::int64_t> top_k, seed;
  std::vector<std::pair<std::int32_t, float>> logit_bias;
  std::vector<std::string> stop;  ///< at most 4, none empty
  std::vector<std::int32_t> stop_token_ids;
  std::int64_t min_tokens = 0;  ///< before which nothing ends the answer
  std::int64_t n = 1;
  bool stream = false, include_usage = false, continuous_usage = false;
  bool timings = false;
  std::string model;  ///< as asked for; may be empty
};

/// Throws ApiError for the first that is wrong.
GenerationFields read_generation_fields(const Body& body, const Bounds& bounds);

/// A list of token ids. Throws ApiError naming `name`.
std::vector<std::int32_t> read_token_ids(const Json& value, const std::string& name, const Bounds& bounds);

}  // namespace lmf::api
