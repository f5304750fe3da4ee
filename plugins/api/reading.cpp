#include "reading.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "base/log.hpp"
#include "protocol/api_error.hpp"
#include "protocol/embedding_request.hpp"

namespace lmf::api {

class Reading::TextListener : public infer::Listener {
 public:
  TextListener(std::shared_ptr<Reading> reading, std::size_t index) : reading_(std::move(reading)), index_(index) {}
  void on_token(const infer::Token&) override {}
  void on_states(std::span<const float> states) override { reading_->on_states(index_, states); }
  void on_end(const infer::End& end) noexcept override {
    try {
      reading_->on_end(index_, end);
    } catch (const std::exception& failure) {
      reading_->fail(failure);
    }
  }

 private:
  const std::shared_ptr<Reading> reading_;
  const std::size_t index_;
};

Reading::Reading(Service& service, ReadingPlan plan, http::Responder responder)
    : service_(service), plan_(std::move(plan)), responder_(std::move(responder)), states_(plan_.prompts.size()) {
  for (const auto& prompt : plan_.prompts) tokens_ += std::ssize(prompt);
  tickets_.reserve(plan_.prompts.size());  // so that none is lost that the engine gave
  ended_.reserve(plan_.prompts.size());
}

void Reading::start(Service& service, ReadingPlan plan, http::Responder responder) {
  require_moderate(plan.prompts.size(), service.engine().spec().hidden_size, plan.param);
  const std::int64_t context = service.engine().context_tokens();
  for (const auto& prompt : plan.prompts) {
    if (prompt.empty()) throw ApiError::invalid(plan.param, fmt::format("{} has a text without a token", plan.param));
    if (std::ssize(prompt) > context)
      throw ApiError::invalid(
          plan.param,
          fmt::format("this model's maximum context length is {} tokens; a text has {}", context, prompt.size()),
          "context_length_exceeded");
    service.require_known(prompt);
  }
  const auto reading = std::make_shared<Reading>(service, std::move(plan), responder);
  {
    const std::lock_guard lock(reading->mutex_);
    reading->submit_more();
    if (reading->running_ == 0) throw *reading->failure_;
  }
  responder.when_gone([weak = std::weak_ptr(reading)] {
    if (const auto wanted = weak.lock()) wanted->give_up();
  });
}

/// As many as are answered at once. What is not taken fails the whole, when those that run have ended.
void Reading::submit_more() {
  const auto together = static_cast<std::size_t>(std::max<std::int64_t>(service_.engine().load().slots, 1));
  while (running_ < together && tickets_.size() < plan_.prompts.size() && !failure_ && !given_up_) {
    const std::size_t index = tickets_.size();
    infer::Request request;
    request.prompt = plan_.prompts[index];
    request.adapter = plan_.adapter;
    request.states = true;
    try {
      tickets_.push_back(
          service_.engine().submit(std::move(request), std::make_shared<TextListener>(shared_from_this(), index)));
    } catch (const infer::QueueFull& error) {
      if (running_ > 0) return;  // others came first: it goes on when one of these ends
      failure_ = ApiError(429, error_type(429), fmt::format("the server has enough to do: {}", error.what()), {},
                          "queue_full");
      return;
    } catch (const Error& error) {
      log::error("a text was not taken: {}", error.what());
      failure_ =
          error.exit_status() == kExitInternal ? engine_failure(error) : ApiError::invalid(plan_.param, error.what());
      return;
    } catch (const std::exception& error) {  // out of memory
      log::error("a text was not taken: {}", error.what());
      failure_ = engine_failure({});
      return;
    }
    ended_.push_back(0);
    ++running_;
  }
}

void Reading::on_states(std::size_t index, std::span<const float> states) {
  const auto size = static_cast<std::size_t>(service_.engine().spec().hidden_size);
  const std::lock_guard lock(mutex_);
  std::vector<float>& own = states_[index];
  if (plan_.last_only) {
    own.assign(states.end() - static_cast<std::ptrdiff_t>(size), states.end());
    return;
  }
  own.resize(size);
  for (std::size_t i = 0; i < states.size(); ++i) own[i % size] += states[i];
}

void Reading::on_end(std::size_t index, const infer::End& end) {
  const std::lock_guard lock(mutex_);
  ended_[index] = 1;
  --running_;
  if (end.finish == infer::Finish::failed && !failure_) {
    log::error("a text could not be read: {}", engine_failure_reason(end.error));
    failure_ = engine_failure(end.error);
  }
  if (end.finish == infer::Finish::cancelled && !failure_)
    failure_ = ApiError(503, error_type(503), "the server is ending");
  submit_more();
  if (running_ > 0 || given_up_) return;
  if (failure_)
    responder_.send(http::Response::json(failure_->status(), failure_->json()));
  else
    complete();
}

void Reading::complete() {
  if (!plan_.last_only)
    for (std::size_t i = 0; i < states_.size(); ++i)
      for (float& value : states_[i]) value /= static_cast<float>(plan_.prompts[i].size());
  try {
    responder_.send(http::Response::json(200, plan_.answer(std::move(states_), tokens_)));
  } catch (const Error& error) {
    log::error("what was read could not be answered: {}", error.what());
    responder_.send(http::Response::json(500, engine_failure(error).json()));
  }
}

/// The answer to what nobody expects, as memory that is used up. Called within a catch of the last resort: should this
/// throw as well, the responder answers 500 by itself when it is let go of.
void Reading::fail(const std::exception& failure) noexcept {
  try {
    log::error("texts could not be read: {}", failure.what());
    responder_.send(http::Response::json(500, engine_failure({}).json()));
    give_up();
  } catch (const std::exception&) {
  }
}

void Reading::give_up() {
  const std::lock_guard lock(mutex_);
  given_up_ = true;
  for (std::size_t i = 0; i < tickets_.size(); ++i)
    if (!ended_[i]) service_.engine().cancel(tickets_[i]);
}

}  // namespace lmf::api
