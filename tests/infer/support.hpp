#pragma once

#include <atomic>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

#include <torch/utils.h>

#include "infer/cpu_executor.hpp"
#include "infer/engine.hpp"
#include "infer/generate.hpp"
#include "infer/torch_executor.hpp"

namespace lmf::infer {

using model::Decoder;
using model::DecoderSpec;
using Ids = std::vector<std::int32_t>;

inline DecoderSpec small_spec(std::int64_t window = 0) {
  DecoderSpec spec;
  spec.model_type = "llama";
  spec.vocab_size = 97;
  spec.hidden_size = 32;
  spec.intermediate_size = 48;
  spec.layers = 2;
  spec.heads = 4;
  spec.key_value_heads = 2;
  spec.head_dim = 8;
  spec.max_positions = 1024;
  spec.initializer_range = 0.3;  // far from uniform outputs, so that the likeliest token is clear
  spec.windows.assign(2, window);
  return spec;
}

inline const Decoder& small_decoder() {
  static const Decoder decoder = Decoder::random(small_spec(), 7);
  return decoder;
}

inline Ids some_prompt(std::size_t tokens) {
  Ids ids;
  for (std::size_t i = 0; i < tokens; ++i) ids.push_back(static_cast<std::int32_t>((i * 31 + 5) % 97));
  return ids;
}

inline Request greedy(Ids prompt, std::int64_t tokens) {
  Request request{.prompt = std::move(prompt), .stop_ids = {}, .max_new_tokens = tokens, .sampling = {}};
  request.sampling.do_sample = false;
  return request;
}

inline const std::atomic<bool> kNever{false};

enum class Kind { cpu, torch };

inline std::unique_ptr<Engine> engine_for(Kind kind, const Decoder& decoder, ExecutorSettings settings = {},
                                          const std::vector<Decoder>& adapted = {}) {
  if (kind == Kind::cpu) return std::make_unique<Engine>(std::make_unique<CpuExecutor>(decoder, settings, adapted));
  return std::make_unique<Engine>(std::make_unique<TorchExecutor>(decoder, settings, adapted));
}

inline Answer ask(Engine& engine, const Request& request) {
  return generate(
      engine, request, [](std::int32_t) {}, kNever);
}

/// The same without a cache: the whole sequence anew for each token.
inline Ids greedy_without_cache(const Decoder& decoder, const Ids& prompt, std::int64_t tokens) {
  const torch::InferenceMode no_gradients;
  std::vector<std::int64_t> ids(prompt.begin(), prompt.end());
  Ids answer;
  while (static_cast<std::int64_t>(answer.size()) < tokens) {
    const auto hidden = decoder.hidden(model::PackedTokens::from({ids}, decoder.device()));
    ids.push_back(decoder.logits(hidden.narrow(0, hidden.size(0) - 1, 1)).argmax().item<std::int64_t>());
    answer.push_back(static_cast<std::int32_t>(ids.back()));
  }
  return answer;
}

/// Remembers what it is told.
class Notebook final : public Listener {
 public:
  void on_token(const Token& token) override {
    const std::scoped_lock lock(mutex_);
    ids_.push_back(token.id);
    logprobs_.push_back(token.logprob);
    tops_.emplace_back(token.top.begin(), token.top.end());
    of_prompt_ += token.of_prompt;
    if (at_token_) at_token_(ids_.size());
    changed_.notify_all();
  }
  void on_states(std::span<const float> states) override {
    const std::scoped_lock lock(mutex_);
    states_.insert(states_.end(), states.begin(), states.end());
  }
  void on_end(const End& end) noexcept override {
    const std::scoped_lock lock(mutex_);
    end_ = end;
    changed_.notify_all();
  }
  End await_end() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return end_.has_value(); });
    return *end_;
  }
  void await_tokens(std::size_t count) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return ids_.size() >= count || end_; });
  }

  Ids ids_;
  std::vector<float> logprobs_;
  std::vector<std::vector<TokenLogprob>> tops_;
  std::vector<float> states_;
  int of_prompt_ = 0;
  std::function<void(std::size_t)> at_token_;  // called on the engine's thread

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::optional<End> end_;
};

/// Asks at once for so many tokens after prompts of these lengths.
inline std::vector<std::shared_ptr<Notebook>> ask_together(Engine& engine, const std::vector<std::size_t>& lengths,
                                                           std::int64_t tokens) {
  std::vector<std::shared_ptr<Notebook>> notebooks;
  for (const std::size_t length : lengths) {
    notebooks.push_back(std::make_shared<Notebook>());
    engine.submit(greedy(some_prompt(length), tokens), notebooks.back());
  }
  return notebooks;
}

}  // namespace lmf::infer
