#include "train/worker/predictor.hpp"

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <utility>

#include <fmt/format.h>

#include "lmf/error.hpp"

namespace lmf::train {
namespace {

struct Answered {
  std::int64_t example;
  std::vector<std::int32_t> ids;
  std::optional<Error> error;
};

/// Answers that have ended, from the engine's thread to the one that waits.
class Mailbox {
 public:
  void put(Answered answered) {
    const std::scoped_lock lock(mutex_);
    arrived_.push_back(std::move(answered));
    changed_.notify_one();
  }
  /// What came since the last call; waits a little when nothing did.
  std::vector<Answered> take() {
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, std::chrono::milliseconds(50), [this] { return !arrived_.empty(); });
    return std::exchange(arrived_, {});
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<Answered> arrived_;
};

class Collector final : public infer::Listener {
 public:
  Collector(std::int64_t example, std::shared_ptr<Mailbox> mailbox)
      : answered_{example, {}, {}}, mailbox_(std::move(mailbox)) {}
  void on_token(const infer::Token& token) override { answered_.ids.push_back(token.id); }
  void on_end(const infer::End& end) noexcept override {
    answered_.error = end.error;
    if (end.finish != infer::Finish::cancelled) mailbox_->put(std::move(answered_));
  }

 private:
  Answered answered_;
  std::shared_ptr<Mailbox> mailbox_;
};

/// Where the answer begins.
std::size_t prompt_length(const data::Example& example) {
  const auto first = std::find_if(example.labels.begin(), example.labels.end(),
                                  [](std::int32_t label) { return label != data::kIgnore; });
  return static_cast<std::size_t>(first - example.labels.begin());
}

}  // namespace

infer::Request Predictor::request(std::int64_t example) const {
  const data::Example tokens = store_[example];
  const auto prompt = tokens.ids.first(prompt_length(tokens));
  infer::Request request;
  request.prompt.assign(prompt.begin(), prompt.end());
  request.stop_ids = model_.chat_template.stop_ids(model_.tokenizer);
  request.sampling = options_.sampling;
  request.sampling.stream = static_cast<std::uint64_t>(example);
  request.max_new_tokens =
      options_.max_new_tokens > 0 ? options_.max_new_tokens : options_.max_length - std::ssize(request.prompt);
  if (request.prompt.empty() || request.max_new_tokens <= 0)
    throw Error(fmt::format("{}: the prompt has {} tokens, which leaves none for an answer", store_.origin(example),
                            request.prompt.size()),
                request.prompt.empty() ? "raise cutoff_len" : "raise max_length, or set max_new_tokens");
  if (const std::int64_t context = model_.engine->context_tokens(); std::ssize(request.prompt) >= context)
    throw Error(
        fmt::format("{}: the prompt has {} tokens, which leaves none of the model's context of {} for an answer",
                    store_.origin(example), request.prompt.size(), context),
        "lower cutoff_len");
  return request;
}

Prediction Predictor::prediction(std::int64_t example, const std::vector<std::int32_t>& answer) const {
  const data::Example tokens = store_[example];
  const std::size_t border = prompt_length(tokens);
  const auto expected = tokens.ids.subspan(border);
  const auto text = [this](std::span<const std::int32_t> ids, bool skip) { return model_.tokenizer.decode(ids, skip); };
  return {text(tokens.ids.first(border), false), text(answer, options_.skip_special_tokens),
          text(expected, options_.skip_special_tokens), text(answer, true), text(expected, true)};
}

void Predictor::run(const std::vector<std::int64_t>& examples, const std::function<int()>& signal,
                    const std::function<void(std::int64_t, const Prediction&)>& found) {
  const auto mailbox = std::make_shared<Mailbox>();
  for (const std::int64_t example : examples) request(example);  // what cannot be asked is told now, not hours later
  const std::size_t most = at_once(options_.model.sequences);
  std::vector<infer::Engine::Ticket> tickets;
  std::size_t submitted = 0, ended = 0;
  while (ended < examples.size()) {
    for (; submitted < examples.size() && submitted - ended < most; ++submitted) {
      const std::int64_t example = examples[submitted];
      try {
        tickets.push_back(model_.engine->submit(request(example), std::make_shared<Collector>(example, mailbox)));
      } catch (const Error& problem) {
        throw Error(fmt::format("{}: {}", store_.origin(example), problem.what()), problem.hint());
      }
    }
    for (const Answered& answered : mailbox->take()) {
      if (answered.error)
        throw Error(fmt::format("{}: {}", store_.origin(answered.example), answered.error->what()),
                    answered.error->hint());
      found(answered.example, prediction(answered.example, answered.ids));
      ++ended;
    }
    if (signal() == 0) continue;
    for (const auto ticket : tickets) model_.engine->cancel(ticket);
    return;
  }
}

}  // namespace lmf::train
