#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <list>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <thread>
#include <vector>

#include "infer/executor.hpp"
#include "infer/sampler.hpp"
#include "infer/token_filter.hpp"
#include "lmf/error.hpp"

namespace lmf::infer {

struct Request {
  std::vector<std::int32_t> prompt;                        ///< the whole conversation so far, at least one token
  std::vector<std::int32_t> stop_ids;                      ///< any of them ends the answer and is no part of it
  std::int64_t max_new_tokens = 1024, min_new_tokens = 0;  ///< no stop id comes before the latter
  Sampling sampling;
  std::int32_t adapter = -1;              ///< of those that the executor keeps apart; -1: none
  std::optional<int> logprobs{};          ///< of each token, beside those of so many likeliest ones
  std::shared_ptr<TokenFilter> filter{};  ///< keeps the answer to a form; its own, not shared with another request
  bool prompt_logprobs = false;           ///< the prompt's tokens are told first, from its second on
  bool states = false;                    ///< the prompt's hidden states are told, and nothing is answered
};

enum class Finish {
  stop,       ///< a stop id
  length,     ///< max_new_tokens
  context,    ///< the positions of a sequence are used up
  cancelled,  ///< by cancel(), or because the engine ended
  failed,     ///< End::error says why
};

struct TokenLogprob {
  std::int32_t id;
  float logprob;  ///< natural logarithm of the model's own probability, before temperature, penalties and bias
};

/// A token of the answer, or of the prompt when its logprobs were asked for.
struct Token {
  std::int32_t id = 0;
  bool of_prompt = false;
  float logprob = 0;                  ///< when asked for
  std::span<const TokenLogprob> top;  ///< likeliest first; valid during the call
};

struct End {
  Finish finish = Finish::stop;
  std::int64_t prompt_tokens = 0, cached_tokens = 0, completion_tokens = 0;
  std::chrono::duration<double> queued{}, first_token{}, whole{};  ///< since submit()
  std::optional<Error> error;
};

/// Who is told about an answer, on the engine's thread: it must not block, and every other answer waits meanwhile.
/// What it throws ends this answer as failed.
class Listener {
 public:
  virtual ~Listener() = default;
  virtual void on_token(const Token& token) = 0;
  /// For a request that asks for them: the final hidden states of the prompt's next tokens, [n, C], in their order.
  virtual void on_states(std::span<const float> states) { (void)states; }
  /// The last call, exactly one for every request that was accepted.
  virtual void on_end(const End& end) noexcept = 0;
};

/// What the engine did so far, and does now.
struct Load {
  std::int64_t running = 0, waiting = 0, most_running = 0;
  std::int64_t slots = 0, used_positions = 0, positions = 0;
  std::int64_t prompt_tokens = 0, cached_tokens = 0, generated_tokens = 0, cancelled = 0;
  std::vector<std::int64_t> steps_of{};  ///< [n]: steps in which n sequences took part
};

/// Too many requests wait; nothing is wrong with this one.
class QueueFull : public Error {
 public:
  using Error::Error;
};

/// That a model and its answers do not fit, with what takes less.
Error out_of_memory();

/// Answers several requests at once: they join and leave between two steps, a long prompt is read in pieces beside the
/// answers that are being written, and what a prompt has in common with a sequence that is in a slot, or was last, is
/// not computed again. Thread-safe.
class Engine {
 public:
  using Ticket = std::uint64_t;

  /// `most_waiting`: requests that may be waiting for a slot; one more is refused.
  explicit Engine(std::unique_ptr<Executor> executor, std::size_t most_waiting = 256);
  /// Ends what is running and waiting as cancelled.
  ~Engine();
  Engine(const Engine&) = delete;
  Engine& operator=(const Engine&) = delete;

  const model::DecoderSpec& spec() const { return executor_->spec(); }
  std::int64_t context_tokens() const { return context_tokens_; }  ///< of prompt and answer
  /// Throws Error for a request that cannot be answered.
  void check(const Request& request) const;
  /// Throws QueueFull, or what check() throws.
  Ticket submit(Request request, std::shared_ptr<Listener> listener);
  /// Ends an answer before its next step; nothing happens when it has ended.
  void cancel(Ticket ticket);
  Load load() const;

 private:
  struct Sequence;
  struct Slot {
    std::vector<std::int32_t> ids;  // whose keys and values it holds
    std::int32_t adapter = -1;      // with which they were computed
    Sequence* sequence = nullptr;
  };

  void serve();
  void take_orders(std::unique_lock<std::mutex>& lock);
  void admit();
  bool place(Sequence& sequence);
  void plan();
  void step();
  void read_logits(Sequence& sequence, std::span<const float> logits);
  void read_states(Sequence& sequence, std::span<const float> states);
  std::int32_t choose(Sequence& sequence, std::span<const float> logits);
  void tell(Sequence& sequence, std::span<const float> logits, std::int32_t id, bool of_prompt);
  void finish(Sequence& sequence, Finish how, std::optional<Error> error = {});
  void end_all(const std::optional<Error>& error);
  void publish();

  std::unique_ptr<Executor> executor_;
  const std::int64_t context_tokens_;
  const std::size_t most_waiting_;

  mutable std::mutex mutex_;  // guards the next lines
  std::condition_variable wake_;
  std::deque<std::unique_ptr<Sequence>> arrived_;
  std::vector<Ticket> to_cancel_;
  Ticket next_ticket_ = 1;
  bool ending_ = false;
  Load load_;

  // The engine thread's own.
  std::deque<std::unique_ptr<Sequence>> waiting_;
  std::list<std::unique_ptr<Sequence>> running_;
  std::vector<Slot> slots_;
  std::vector<Row> rows_;
  Load now_;
  std::thread thread_;
};

}  // namespace lmf::infer
