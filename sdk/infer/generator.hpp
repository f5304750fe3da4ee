#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <vector>

#include <torch/types.h>

#include "infer/sampler.hpp"
#include "model/decoder.hpp"

namespace lmf::infer {

struct Request {
  std::vector<std::int32_t> prompt;    ///< the whole conversation so far, at least one token
  std::vector<std::int32_t> stop_ids;  ///< any of them ends the answer and is no part of it
  std::int64_t max_new_tokens = 1024;
  Sampling sampling;
};

enum class Finish {
  stop,       ///< a stop id
  length,     ///< max_new_tokens
  context,    ///< the model's positions are used up
  cancelled,  ///< the caller's flag
};

struct Answer {
  std::vector<std::int32_t> ids;
  Finish finish = Finish::stop;
  std::int64_t reused_tokens = 0;  ///< of the prompt, still in the cache from the call before
  std::chrono::duration<double> first_token{}, whole{};
};

/// Generates for one sequence at a time and keeps its keys and values, so that the next turn of a conversation only
/// computes what is new: the cache is reused up to the first token that differs. Not for several threads at once.
class Generator {
 public:
  explicit Generator(const model::Decoder& decoder) : decoder_(decoder) {}

  /// `on_token` sees every token of the answer as soon as it is chosen. `cancelled` (a signal handler may set it) is
  /// looked at before every step. Throws Error when the prompt leaves no position for an answer.
  Answer generate(const Request& request, const std::function<void(std::int32_t)>& on_token,
                  const std::atomic<bool>& cancelled);

 private:
  std::int64_t reuse_prefix(std::span<const std::int32_t> prompt, std::int64_t capacity);
  std::span<const float> run(std::span<const std::int32_t> ids);

  const model::Decoder& decoder_;
  std::optional<model::KeyValueCache> cache_;
  std::vector<std::int32_t> cached_;  // the ids whose keys and values cache_ holds
  torch::Tensor logits_;              // float32 [V] on the CPU, what run() returned
};

}  // namespace lmf::infer
