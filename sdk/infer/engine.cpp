#include "infer/engine.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <new>
#include <numeric>
#include <utility>

#include <fmt/format.h>

#include "infer/rotary_rows.hpp"
#include "model/torch_guard.hpp"

namespace lmf::infer {
namespace {

using Clock = std::chrono::steady_clock;
using Ids = std::vector<std::int32_t>;

// While a prompt of which so much more is the same is being read, it is waited for instead of being read twice.
constexpr std::int64_t kWorthWaiting = 64;
// Rows whose logits are kept at once for prompt_logprobs: each takes the vocabulary's size.
constexpr std::int64_t kPromptLogits = 32;

std::int64_t size(const Ids& ids) { return static_cast<std::int64_t>(ids.size()); }

/// Tokens at the beginning that both have.
std::int64_t common(std::span<const std::int32_t> a, std::span<const std::int32_t> b) {
  return std::ranges::mismatch(a, b).in1 - a.begin();
}

bool contains(std::span<const std::int32_t> ids, std::int32_t id) { return std::ranges::find(ids, id) != ids.end(); }

/// What a step has thrown that is no Error of ours.
Error could_not_go_on(const std::exception& failure) {
  const auto* of_torch = dynamic_cast<const c10::Error*>(&failure);
  const bool no_memory = dynamic_cast<const std::bad_alloc*>(&failure) != nullptr;
  const Error why = of_torch    ? model::explain(*of_torch, out_of_memory())
                    : no_memory ? out_of_memory()
                                : Error(failure.what());
  return Error(std::string("the model could not go on: ") + why.what(), why.hint(), kExitInternal);
}

}  // namespace

Error out_of_memory() {
  return Error("out of memory",
               "on a CPU quantization_bit: 8 or 4 takes less, on a GPU infer_dtype: bfloat16; so do shorter "
               "conversations, and fewer at once (MAX_CONCURRENT of lmf api, per_device_eval_batch_size of lmf train)");
}

struct Engine::Sequence {
  Sequence(Ticket number, Request asked, std::shared_ptr<Listener> told, const model::DecoderSpec& spec,
           std::int64_t context)
      : ticket(number),
        request(std::move(asked)),
        listener(std::move(told)),
        sampler(request.sampling, spec.vocab_size),
        ids(request.prompt),
        limit(std::min(request.max_new_tokens, context - size(request.prompt))) {
    sampler.observe_prompt(request.prompt);
  }

  std::int64_t answered() const { return size(ids) - size(request.prompt); }
  /// Ids whose keys and values are not in the slot yet.
  std::span<const std::int32_t> pending() const { return std::span(ids).subspan(static_cast<std::size_t>(computed)); }

  Ticket ticket;
  Request request;
  std::shared_ptr<Listener> listener;
  Sampler sampler;
  Ids ids;                                            // prompt and answer
  std::int64_t limit;                                 // of the answer's tokens
  std::int64_t slot = -1, computed = 0, planned = 0;  // planned: ids of the next step
  std::size_t rows = 0;                               // of them, rows that want logits
  std::vector<TokenLogprob> top;
  std::vector<float> filtered;  // logits, with a filter
  Clock::time_point submitted = Clock::now();
  End end;
};

Engine::Engine(std::unique_ptr<Executor> executor, std::size_t most_waiting)
    : executor_(std::move(executor)),
      context_tokens_(std::min(executor_->slot_tokens(), model::context_length(executor_->spec()))),
      most_waiting_(most_waiting),
      slots_(static_cast<std::size_t>(executor_->slots())) {
  now_.slots = executor_->slots();
  now_.positions = now_.slots * executor_->slot_tokens();
  now_.steps_of.resize(slots_.size() + 1);
  load_ = now_;
  thread_ = std::thread([this] { serve(); });
}

Engine::~Engine() {
  {
    const std::scoped_lock lock(mutex_);
    ending_ = true;
  }
  wake_.notify_one();
  thread_.join();
}

void Engine::check(const Request& request) const {
  const std::int64_t tokens = size(request.prompt);
  if (tokens == 0)
    throw Error("the prompt has no token to start from", "write something, or use a template that begins with one");
  if (tokens + (request.states ? 0 : 1) > context_tokens_)
    throw Error(fmt::format("the conversation has {} tokens, the model's context holds {}", tokens, context_tokens_),
                "begin a new conversation, or ask something shorter");
  for (const std::int32_t id : request.prompt)
    if (id < 0 || id >= spec().vocab_size)
      throw Error(fmt::format("token {} is not among the model's {}", id, spec().vocab_size),
                  "the tokenizer belongs to another model, or the template's tokens were added after training");
  if (request.prompt_logprobs && turns_with_length(spec().rope, tokens))
    throw Error(
        fmt::format("logprobs of a prompt of {} tokens are not supported: this model turns it by its length from {} on",
                    tokens, spec().rope.original_max_positions),
        "ask for the answer's only, or with a shorter prompt");
  if (request.adapter < -1 || request.adapter >= executor_->adapters())
    throw Error(fmt::format("adapter {} is not among the model's {}", request.adapter, executor_->adapters()), {},
                kExitInternal);
  request.sampling.check();
}

Engine::Ticket Engine::submit(Request request, std::shared_ptr<Listener> listener) {
  check(request);
  const std::scoped_lock lock(mutex_);
  const auto free = static_cast<std::size_t>(load_.slots - load_.running);
  if (arrived_.size() + static_cast<std::size_t>(load_.waiting) >= most_waiting_ + free)
    throw QueueFull(fmt::format("{} requests wait already", most_waiting_), "try again in a moment");
  const Ticket ticket = next_ticket_++;
  arrived_.push_back(
      std::make_unique<Sequence>(ticket, std::move(request), std::move(listener), spec(), context_tokens_));
  wake_.notify_one();
  return ticket;
}

void Engine::cancel(Ticket ticket) {
  {
    const std::scoped_lock lock(mutex_);
    to_cancel_.push_back(ticket);
  }
  wake_.notify_one();
}

Load Engine::load() const {
  const std::scoped_lock lock(mutex_);
  Load load = load_;
  load.waiting += static_cast<std::int64_t>(arrived_.size());
  return load;
}

void Engine::serve() {
  std::unique_lock lock(mutex_);
  while (!ending_) {
    take_orders(lock);
    lock.unlock();
    try {
      admit();
      if (!running_.empty()) {
        plan();
        step();
      }
    } catch (const Error& error) {
      end_all(error);
    } catch (const std::exception& error) {
      end_all(could_not_go_on(error));
    }
    lock.lock();
    publish();
    if (running_.empty() && waiting_.empty())
      wake_.wait(lock, [&] { return ending_ || !arrived_.empty() || !to_cancel_.empty(); });
  }
  waiting_.insert(waiting_.end(), std::move_iterator(arrived_.begin()), std::move_iterator(arrived_.end()));
  arrived_.clear();
  lock.unlock();
  end_all(std::nullopt);
}

/// What other threads asked for since the last step.
void Engine::take_orders(std::unique_lock<std::mutex>& lock) {
  waiting_.insert(waiting_.end(), std::move_iterator(arrived_.begin()), std::move_iterator(arrived_.end()));
  arrived_.clear();
  load_.waiting = static_cast<std::int64_t>(waiting_.size());
  const auto tickets = std::exchange(to_cancel_, {});
  if (tickets.empty()) return;
  lock.unlock();  // a listener may call back
  const auto asked = [&](const auto& sequence) {
    return std::ranges::find(tickets, sequence->ticket) != tickets.end();
  };
  for (auto& sequence : waiting_)
    if (asked(sequence)) finish(*sequence, Finish::cancelled), sequence.reset();
  std::erase(waiting_, nullptr);
  running_.remove_if(
      [&](const auto& sequence) { return asked(sequence) && (finish(*sequence, Finish::cancelled), true); });
  lock.lock();
}

/// Gives slots to those that wait, in their order; who waits for another's prompt lets later ones pass.
void Engine::admit() {
  for (auto& sequence : waiting_) {
    if (running_.size() == slots_.size()) break;
    if (!place(*sequence)) continue;
    now_.prompt_tokens += size(sequence->request.prompt);
    now_.cached_tokens += sequence->end.cached_tokens;
    running_.push_back(std::move(sequence));
  }
  std::erase(waiting_, nullptr);
  now_.most_running = std::max(now_.most_running, static_cast<std::int64_t>(running_.size()));
}

/// Puts a sequence into the free slot that has most of its prompt, or copies there what another slot has more. False:
/// it is better to wait.
bool Engine::place(Sequence& sequence) {
  const auto prompt = std::span<const std::int32_t>(sequence.request.prompt);
  const auto usable = prompt.first(prompt.size() - 1);  // the last one's logits are needed
  const bool reuses = !sequence.request.prompt_logprobs && !sequence.request.states &&
                      !turns_with_length(spec().rope, size(sequence.request.prompt));
  const auto shared = [&](const Slot& slot) {
    return reuses && slot.adapter == sequence.request.adapter && !turns_with_length(spec().rope, size(slot.ids))
               ? common(usable, slot.ids)
               : 0;
  };
  Slot *target = nullptr, *source = nullptr;
  std::int64_t own = -1, most = -1, expected = 0;
  for (Slot& slot : slots_) {
    const std::int64_t tokens = shared(slot);
    if (tokens > most) source = &slot, most = tokens;
    if (slot.sequence) {
      if (reuses && slot.adapter == sequence.request.adapter && slot.sequence->answered() == 0)
        expected = std::max(expected, common(usable, slot.sequence->request.prompt));
      continue;
    }
    // Of slots that have equally much of it, the one in which least else is lost.
    if (tokens > own || (tokens == own && slot.ids.size() < target->ids.size())) target = &slot, own = tokens;
  }
  if (expected > most && expected >= own + kWorthWaiting) return false;
  const auto number = [&](const Slot* slot) { return slot - slots_.data(); };
  if (most > own) {
    executor_->copy_prefix(number(source), number(target), most);
    target->ids.assign(prompt.begin(), prompt.begin() + most);
  }
  target->ids.resize(static_cast<std::size_t>(most));
  target->sequence = &sequence;
  target->adapter = sequence.request.adapter;
  sequence.slot = number(target);
  sequence.computed = sequence.end.cached_tokens = most;
  sequence.end.queued = Clock::now() - sequence.submitted;
  return true;
}

/// The next step: one token of every answer, and as much of the prompts as there is room for.
void Engine::plan() {
  rows_.clear();
  std::int64_t room = executor_->step_tokens();
  for (const auto& sequence : running_) room -= sequence->pending().size() == 1;
  for (const auto& sequence : running_) {
    const auto pending = static_cast<std::int64_t>(sequence->pending().size());
    const bool logprobs = sequence->request.prompt_logprobs && sequence->answered() == 0;
    sequence->planned = pending;
    if (pending > 1 && !turns_with_length(spec().rope, size(sequence->ids))) {
      sequence->planned = std::min({pending, std::max<std::int64_t>(room, 0), logprobs ? kPromptLogits : pending});
      room -= sequence->planned;
    }
    sequence->rows = 0;
    for (std::int64_t i = 0; i < sequence->planned; ++i) {
      const std::int64_t position = sequence->computed + i;
      const bool states = sequence->request.states;
      const bool wants = !states && (logprobs || position + 1 == size(sequence->ids));
      sequence->rows += wants;
      rows_.push_back({sequence->ids[static_cast<std::size_t>(position)], static_cast<std::int32_t>(sequence->slot),
                       position, wants, sequence->request.adapter, states});
    }
  }
}

void Engine::step() {
  auto logits = executor_->run(rows_);
  ++now_.steps_of[running_.size()];
  auto states = executor_->states();
  for (auto next = running_.begin(); next != running_.end();) {
    Sequence& sequence = **next;
    const auto place = next++;
    const auto mine = logits.first(sequence.rows * static_cast<std::size_t>(spec().vocab_size));
    logits = logits.subspan(mine.size());
    const auto own = states.first(
        sequence.request.states ? static_cast<std::size_t>(sequence.planned * spec().hidden_size) : std::size_t{0});
    states = states.subspan(own.size());
    Slot& slot = slots_[static_cast<std::size_t>(sequence.slot)];
    const auto computed = sequence.pending().first(static_cast<std::size_t>(sequence.planned));
    slot.ids.insert(slot.ids.end(), computed.begin(), computed.end());
    sequence.computed += sequence.planned;
    try {
      sequence.request.states ? read_states(sequence, own) : read_logits(sequence, mine);
    } catch (const Error& error) {
      finish(sequence, Finish::failed, error);
    } catch (const std::exception& error) {
      finish(sequence, Finish::failed, could_not_go_on(error));
    }
    if (!slot.sequence) running_.erase(place);
  }
}

/// `logits` [rows, V] of this sequence: those after the last id choose the answer's next token.
void Engine::read_logits(Sequence& sequence, std::span<const float> logits) {
  const auto vocabulary = static_cast<std::size_t>(spec().vocab_size);
  if (sequence.request.prompt_logprobs && sequence.answered() == 0)
    for (std::size_t row = 0; row < sequence.rows; ++row) {
      const auto position = static_cast<std::size_t>(sequence.computed) - sequence.rows + row + 1;
      if (position < sequence.ids.size())
        tell(sequence, logits.subspan(row * vocabulary, vocabulary), sequence.ids[position], /*of_prompt=*/true);
    }
  if (sequence.computed < size(sequence.ids) || sequence.rows == 0) return;
  const Finish at_limit = sequence.limit == sequence.request.max_new_tokens ? Finish::length : Finish::context;
  if (sequence.limit <= 0) return finish(sequence, at_limit);
  const auto last = logits.last(vocabulary);
  const std::int32_t id = choose(sequence, last);
  if (sequence.answered() == 0) sequence.end.first_token = Clock::now() - sequence.submitted;
  if (contains(sequence.request.stop_ids, id)) return finish(sequence, Finish::stop);
  sequence.ids.push_back(id);
  ++now_.generated_tokens;
  tell(sequence, last, id, /*of_prompt=*/false);
  if (sequence.request.filter && sequence.request.filter->must_end()) return finish(sequence, Finish::stop);
  if (sequence.answered() == sequence.limit) finish(sequence, at_limit);
}

void Engine::read_states(Sequence& sequence, std::span<const float> states) {
  if (!states.empty()) sequence.listener->on_states(states);
  if (sequence.computed == size(sequence.ids)) finish(sequence, Finish::stop);
}

std::int32_t Engine::choose(Sequence& sequence, std::span<const float> logits) {
  TokenFilter* filter = sequence.request.filter.get();
  const Ids& stop_ids = sequence.request.stop_ids;
  const bool early = sequence.answered() < sequence.request.min_new_tokens && !stop_ids.empty();
  if (!filter && !early) return sequence.sampler.next(logits);
  std::vector<float>& left = sequence.filtered;
  left.assign(logits.begin(), logits.end());
  if (filter) filter->apply(left);
  constexpr float kNever = -std::numeric_limits<float>::infinity();
  const auto goes_on = [&] {
    for (std::size_t id = 0; id < left.size(); ++id)
      if (left[id] > kNever && !contains(stop_ids, static_cast<std::int32_t>(id))) return true;
    return false;  // what the filter asks for has come to its end
  };
  if (early && goes_on())
    for (const std::int32_t id : stop_ids)
      if (static_cast<std::size_t>(id) < left.size()) left[static_cast<std::size_t>(id)] = kNever;
  const std::int32_t id = sequence.sampler.next(left);
  if (filter) filter->accept(id);
  return id;
}

/// Passes a token on, with the probabilities that were asked for.
void Engine::tell(Sequence& sequence, std::span<const float> logits, std::int32_t id, bool of_prompt) {
  Token token;
  token.id = id;
  token.of_prompt = of_prompt;
  if (const auto wanted = sequence.request.logprobs) {
    const float largest = *std::ranges::max_element(logits);
    double total = 0;
    for (const float logit : logits) total += std::exp(static_cast<double>(logit - largest));
    const auto logprob = [&](std::int32_t of) {
      return static_cast<float>(logits[static_cast<std::size_t>(of)] - largest - std::log(total));
    };
    token.logprob = logprob(id);
    Ids order(logits.size());
    std::iota(order.begin(), order.end(), 0);
    const auto count = std::min<std::ptrdiff_t>(*wanted, std::ssize(order));
    std::ranges::partial_sort(order, order.begin() + count, [&](std::int32_t a, std::int32_t b) {
      const float x = logits[static_cast<std::size_t>(a)], y = logits[static_cast<std::size_t>(b)];
      return x != y ? x > y : a < b;
    });
    sequence.top.clear();
    for (const std::int32_t other : std::span(order).first(static_cast<std::size_t>(count)))
      sequence.top.push_back({other, logprob(other)});
    token.top = sequence.top;
  }
  sequence.listener->on_token(token);
}

void Engine::finish(Sequence& sequence, Finish how, std::optional<Error> error) {
  End& end = sequence.end;
  end.finish = how;
  end.error = std::move(error);
  end.prompt_tokens = size(sequence.request.prompt);
  end.completion_tokens = sequence.answered();
  end.whole = Clock::now() - sequence.submitted;
  if (sequence.slot >= 0) slots_[static_cast<std::size_t>(sequence.slot)].sequence = nullptr;
  now_.cancelled += how == Finish::cancelled;
  sequence.listener->on_end(end);
}

/// Without an error: because the engine ends, or the caller has lost interest.
void Engine::end_all(const std::optional<Error>& error) {
  for (const auto& sequence : running_) finish(*sequence, error ? Finish::failed : Finish::cancelled, error);
  running_.clear();
  // What a step that failed has left in them is not known.
  for (Slot& slot : slots_) slot.ids.clear(), slot.sequence = nullptr;
  std::erase(waiting_, nullptr);  // those that were admitted before it failed
  for (const auto& sequence : waiting_) sequence->slot = -1;
  if (error) return;
  for (const auto& sequence : waiting_) finish(*sequence, Finish::cancelled);
  waiting_.clear();
}

void Engine::publish() {
  now_.running = static_cast<std::int64_t>(running_.size());
  now_.waiting = static_cast<std::int64_t>(waiting_.size());
  now_.used_positions = 0;
  for (const Slot& slot : slots_)
    if (slot.sequence) now_.used_positions += size(slot.ids);
  load_ = now_;
}

}  // namespace lmf::infer
