#include "generation.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "base/log.hpp"
#include "protocol/api_error.hpp"

namespace lmf::api {
namespace {

ApiError too_long(Route route, std::int64_t tokens, std::int64_t context) {
  return ApiError::invalid(
      route == Route::chat ? "messages" : "prompt",
      // litellm and others know it by OpenAI's words.
      fmt::format(
          "this model's maximum context length is {} tokens, with at least one of the answer; the prompt has {}",
          context, tokens),
      "context_length_exceeded");
}

/// The request's wishes over the server's.
infer::Sampling sampling_of(const GenerationFields& fields, const infer::Sampling& defaults) {
  infer::Sampling sampling = defaults;
  if (fields.temperature) {
    sampling.temperature = *fields.temperature;
    sampling.do_sample = *fields.temperature > 0;
  }
  if (fields.do_sample) sampling.do_sample = *fields.do_sample;
  if (fields.top_p) sampling.top_p = *fields.top_p;
  if (fields.top_k) sampling.top_k = *fields.top_k;
  if (fields.min_p) sampling.min_p = *fields.min_p;
  if (fields.repetition_penalty) sampling.repetition_penalty = *fields.repetition_penalty;
  if (fields.presence_penalty) sampling.presence_penalty = *fields.presence_penalty;
  if (fields.frequency_penalty) sampling.frequency_penalty = *fields.frequency_penalty;
  sampling.logit_bias = fields.logit_bias;
  return sampling;
}

}  // namespace

class Generation::ChoiceListener : public infer::Listener {
 public:
  ChoiceListener(std::shared_ptr<Generation> generation, std::size_t index)
      : generation_(std::move(generation)), index_(index) {}
  void on_token(const infer::Token& token) override { generation_->on_token(index_, token); }
  void on_end(const infer::End& end) noexcept override {
    try {
      generation_->on_end(index_, end);
    } catch (const std::exception& failure) {
      log::error("an answer could not be completed: {}", failure.what());
    }
  }

 private:
  const std::shared_ptr<Generation> generation_;
  const std::size_t index_;
};

Generation::Generation(Service& service, GenerationPlan plan, http::Responder responder)
    : service_(service),
      plan_(std::move(plan)),
      responder_(std::move(responder)),
      stream_(plan_.head, plan_.fields.include_usage) {
  const auto n = static_cast<std::size_t>(plan_.fields.n);
  states_.resize(plan_.prompts.size() * n);
  for (std::size_t i = 0; i < states_.size(); ++i) {
    State& state = states_[i];
    state.choice.index = static_cast<std::int64_t>(i);
    if (plan_.logprobs) state.choice.logprobs.emplace();
    state.text = std::make_unique<infer::AnswerText>(service_.tokenizer(), plan_.fields.stop,
                                                     service_.settings().skip_special_tokens);
    if (plan_.tools) state.calls.emplace(*plan_.tools->format, plan_.tools->mark, plan_.tools->names);
  }
}

void Generation::start(Service& service, GenerationPlan plan, http::Responder responder) {
  const std::int64_t context = service.engine().context_tokens();
  for (const ReadyPrompt& prompt : plan.prompts) {
    const auto tokens = static_cast<std::int64_t>(prompt.ids.size());
    if (tokens == 0) throw ApiError::invalid("prompt", "the prompt has no token to start from");
    if (tokens >= context) throw too_long(plan.head.route, tokens, context);
    service.require_known(prompt.ids);
  }
  const auto asked = static_cast<std::int64_t>(plan.prompts.size()) * plan.fields.n;
  const Environment& environment = service.settings().environment;
  if (const std::int64_t slots = service.engine().load().slots; asked > slots + environment.queue)
    throw ApiError::invalid("n", fmt::format("the request asks for {} answers, this server takes {}: {} at once "
                                             "(MAX_CONCURRENT) and {} that wait (API_MAX_QUEUE)",
                                             asked, slots + environment.queue, slots, environment.queue));
  if (!plan.fields.seed) plan.fields.seed = static_cast<std::int64_t>(service.new_seed());
  const auto generation = std::make_shared<Generation>(service, std::move(plan), responder);
  service.enter(generation);
  try {
    generation->submit();
  } catch (...) {
    service.leave(generation.get());
    throw;
  }
  responder.when_gone([weak = std::weak_ptr(generation)] {
    if (const auto wanted = weak.lock()) wanted->give_up();
  });
}

infer::Request Generation::request(std::size_t index) const {
  const auto n = static_cast<std::size_t>(plan_.fields.n);
  const ReadyPrompt& prompt = plan_.prompts[index / n];
  const Settings& settings = service_.settings();
  infer::Request request;
  request.prompt = prompt.ids;
  request.adapter = plan_.adapter;
  request.stop_ids = service_.chat_template().stop_ids(service_.tokenizer());
  request.stop_ids.insert(request.stop_ids.end(), plan_.fields.stop_token_ids.begin(),
                          plan_.fields.stop_token_ids.end());
  request.sampling = sampling_of(plan_.fields, settings.sampling);
  request.sampling.seed = static_cast<std::uint64_t>(*plan_.fields.seed);
  request.sampling.stream = index;
  const auto tokens = static_cast<std::int64_t>(prompt.ids.size());
  const std::int64_t room = service_.engine().context_tokens() - tokens;
  std::int64_t wanted =
      settings.max_new_tokens > 0 ? settings.max_new_tokens : std::max<std::int64_t>(settings.max_length - tokens, 1);
  wanted = plan_.fields.max_tokens.value_or(wanted);
  request.max_new_tokens = std::clamp<std::int64_t>(wanted, 1, room);
  request.min_new_tokens = plan_.fields.min_tokens;
  request.logprobs = plan_.logprobs;
  request.prompt_logprobs = plan_.echo && plan_.logprobs;
  if (plan_.form)
    request.filter = std::make_shared<infer::TokenFilter>(service_.token_bytes(), *plan_.form, request.stop_ids);
  return request;
}

/// The engine's thread waits for the lock until the response has begun.
void Generation::submit() {
  const std::lock_guard lock(mutex_);
  try {
    for (std::size_t i = 0; i < states_.size(); ++i) {
      states_[i].ticket = service_.engine().submit(request(i), std::make_shared<ChoiceListener>(shared_from_this(), i));
      ++left_;
    }
  } catch (const Error& error) {
    given_up_ = true;
    for (std::size_t i = 0; i < left_; ++i) service_.engine().cancel(states_[i].ticket);
    if (dynamic_cast<const infer::QueueFull*>(&error) != nullptr)
      throw ApiError(429, error_type(429), fmt::format("the server has enough to do: {}", error.what()), {},
                     "queue_full");
    if (error.exit_status() != kExitInternal) throw ApiError(400, error_type(400), error.what());
    log::error("{} was not taken: {}", plan_.head.id, error.what());
    throw engine_failure(error);
  }
  if (plan_.fields.stream) responder_.begin_events();
  for (std::size_t i = 0; i < states_.size(); ++i) {
    if (plan_.fields.stream && plan_.head.route == Route::chat)
      responder_.event(stream_.opening(static_cast<std::int64_t>(i)));
    if (!plan_.echo) continue;
    const ReadyPrompt& prompt = plan_.prompts[i / static_cast<std::size_t>(plan_.fields.n)];
    if (plan_.logprobs) {
      LogprobEntry first;
      first.chosen.token = service_.tokenizer().token_bytes(prompt.ids.front());
      first.known = false;
      states_[i].entries.push_back(first);
      states_[i].offset = prompt.added > 0 ? 0 : characters(first.chosen.token);
      states_[i].prompt_tokens = 1;
    }
    emit(states_[i], prompt.echo);
  }
}

void Generation::on_token(std::size_t index, const infer::Token& token) {
  const std::lock_guard lock(mutex_);
  State& state = states_[index];
  if (given_up_ || state.decided) return;
  if (plan_.logprobs) state.entries.push_back(entry_of(state, token));
  if (token.of_prompt) return;
  ++state.tokens;
  const bool only_prompt = plan_.fields.max_tokens == 0;
  if (only_prompt) {
    if (plan_.logprobs) state.entries.pop_back();
    state.tokens = 0;
    return decide(state, "", "length");
  }
  const auto now = std::chrono::steady_clock::now();
  if (state.tokens > 1) service_.metrics().token_gap(std::chrono::duration<double>(now - state.last_token).count());
  state.last_token = now;
  const std::string piece = state.text->push(token.id, state.tokens >= plan_.fields.min_tokens);
  if (state.text->stopped()) {
    decide(state, piece, "stop");
    service_.engine().cancel(state.ticket);
  } else if (!piece.empty()) {
    emit(state, piece);
    if (!state.calls || plan_.tools->several || state.calls->calls() == 0) return;
    decide(state, "", "stop");
    service_.engine().cancel(state.ticket);
  }
}

void Generation::on_end(std::size_t index, const infer::End& end) {
  const std::lock_guard lock(mutex_);
  State& state = states_[index];
  state.ended = true;
  state.cached = end.cached_tokens;
  timings_ = {end.queued.count(), end.first_token.count(), end.whole.count()};
  if (!given_up_ && !state.decided) {
    if (end.finish == infer::Finish::failed) {
      if (!failure_) {
        log::error("{} failed: {}", plan_.head.id, engine_failure_reason(end.error));
        const ApiError error = engine_failure(end.error);
        failure_ = {error.status(), error.what()};
      }
    } else if (end.finish == infer::Finish::cancelled) {
      if (!failure_) failure_ = {503, "the server is ending"};
    } else {
      const std::string rest = state.text->finish();
      decide(state, rest, end.finish == infer::Finish::stop || state.text->stopped() ? "stop" : "length");
    }
  }
  if (given_up_ && !state.decided) service_.metrics().given_up();
  if (state.decided)
    service_.metrics().generated(end.first_token.count(), end.whole.count(), end.prompt_tokens, state.tokens);
  if (--left_ == 0) complete();
}

/// The client has gone: nothing may run on for nobody.
void Generation::give_up() {
  const std::lock_guard lock(mutex_);
  given_up_ = true;
  for (const State& state : states_)
    if (!state.ended) service_.engine().cancel(state.ticket);
}

void Generation::abort(const std::string& why) {
  const std::lock_guard lock(mutex_);
  failure_ = {503, why};
  for (const State& state : states_)
    if (!state.ended) service_.engine().cancel(state.ticket);
}

}  // namespace lmf::api
