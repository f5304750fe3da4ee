// What a Generation writes: the parts of its answers, as they become certain, or all at the end.
#include <algorithm>
#include <cmath>
#include <utility>

#include <nlohmann/json.hpp>

#include "generation.hpp"
#include "protocol/api_error.hpp"

namespace lmf::api {
namespace {

constexpr const char* kDone = "[DONE]";

}  // namespace

LogprobEntry Generation::entry_of(State& state, const infer::Token& token) const {
  const ReadyPrompt& prompt =
      plan_.prompts[static_cast<std::size_t>(state.choice.index) / static_cast<std::size_t>(plan_.fields.n)];
  const auto named = [&](std::int32_t id, float logprob) {
    // JSON has no infinity; OpenAI writes -9999 for what is as good as impossible.
    return LogprobEntry::Alternative{service_.tokenizer().token_bytes(id), std::isfinite(logprob) ? logprob : -9999.0f};
  };
  LogprobEntry entry;
  entry.chosen = named(token.id, token.logprob);
  for (const infer::TokenLogprob& other : token.top) entry.top.push_back(named(other.id, other.logprob));
  entry.offset = state.offset;
  const bool unseen = token.of_prompt
                          ? state.prompt_tokens++ < prompt.added
                          : service_.settings().skip_special_tokens && service_.tokenizer().is_special(token.id);
  if (!unseen) state.offset += characters(entry.chosen.token);
  return entry;
}

/// Sends text that became certain, with the tokens that it is made of.
void Generation::emit(State& state, const std::string& piece, bool last) {
  if (!plan_.splits_reasoning) return emit_content(state, piece, last);
  auto [reasoning, content] = state.reasoning.push(piece);
  if (last) {
    const auto rest = state.reasoning.finish();
    reasoning += rest.reasoning;
    content += rest.content;
  }
  if (!reasoning.empty()) emit_part(state, reasoning, true);
  if (!content.empty() || last) emit_content(state, content, last);
}

void Generation::emit_content(State& state, const std::string& content, bool last) {
  if (!state.calls) {
    if (!content.empty() || (last && !state.entries.empty())) emit_part(state, content, false);
    return;
  }
  if (!plan_.fields.stream) state.said += content;
  auto parts = state.calls->push(content);
  if (last) {
    auto rest = state.calls->finish(plan_.tools->required);
    parts.insert(parts.end(), std::make_move_iterator(rest.begin()), std::make_move_iterator(rest.end()));
  }
  for (const text::AnswerPart& part : parts) {
    if (const auto* piece = std::get_if<text::AnswerPiece>(&part))
      emit_part(state, piece->text, false);
    else
      emit_call(state, part);
  }
  if (last && !state.entries.empty()) emit_part(state, "", false);
}

void Generation::emit_part(State& state, const std::string& piece, bool reasoning) {
  if (!plan_.fields.stream) {
    (reasoning ? state.choice.reasoning : state.choice.text) += piece;
    if (plan_.logprobs)
      state.choice.logprobs->insert(state.choice.logprobs->end(), state.entries.begin(), state.entries.end());
  } else if (!piece.empty() || !state.entries.empty()) {
    responder_.event(stream_.piece(state.choice.index, piece, plan_.logprobs ? &state.entries : nullptr,
                                   running_usage(), reasoning ? "reasoning_content" : "content"));
  }
  state.entries.clear();
}

/// A call's begin, or more of its arguments.
void Generation::emit_call(State& state, const text::AnswerPart& part) {
  std::vector<CallText>& calls = state.choice.calls;
  const auto* begin = std::get_if<text::ToolCallBegin>(&part);
  if (begin != nullptr) calls.push_back({"call_" + service_.new_id(), begin->name, {}});
  const std::string json = begin == nullptr ? std::get<text::ToolCallArguments>(part).json : std::string();
  if (plan_.fields.stream) {
    responder_.event(stream_.call(state.choice.index, calls.size() - 1, begin == nullptr ? nullptr : &calls.back(),
                                  json, plan_.logprobs ? &state.entries : nullptr, running_usage()));
  } else {
    calls.back().arguments += json;
    if (plan_.logprobs)
      state.choice.logprobs->insert(state.choice.logprobs->end(), state.entries.begin(), state.entries.end());
  }
  state.entries.clear();
}

void Generation::decide(State& state, const std::string& rest, std::string finish) {
  emit(state, rest, /*last=*/true);
  state.decided = true;
  const auto is_json = [](const CallText& call) { return nlohmann::json::accept(call.arguments); };
  // Of what was cut off the client is told; what the model has ended itself was no call. One that is required it cannot
  // end: a stop string has.
  if (finish == "stop" && !plan_.fields.stream && !(plan_.tools && plan_.tools->required) &&
      !std::ranges::all_of(state.choice.calls, is_json)) {
    state.choice.calls.clear();
    state.choice.text = std::exchange(state.said, {});
  }
  const bool whole = state.calls && state.calls->calls() == state.choice.calls.size();
  if (finish == "stop" && whole && !state.choice.calls.empty()) finish = "tool_calls";
  state.choice.finish = finish;
  if (plan_.fields.stream) responder_.event(stream_.ending(state.choice.index, finish, running_usage()));
}

void Generation::complete() {
  service_.leave(this);
  if (given_up_) return;
  if (failure_) return fail(failure_->first, failure_->second);
  const auto timings = plan_.fields.timings ? std::optional(timings_) : std::nullopt;
  if (plan_.fields.stream) {
    if (plan_.fields.include_usage || timings) responder_.event(stream_.totals(usage(), timings));
    responder_.event(kDone);
    responder_.end();
    return;
  }
  std::vector<Choice> choices;
  for (State& state : states_) choices.push_back(std::move(state.choice));
  responder_.send(http::Response::json(200, whole_answer(plan_.head, choices, usage(), timings)));
}

void Generation::fail(int status, const std::string& why) {
  const ApiError error(status, error_type(status), why);
  if (!plan_.fields.stream) {
    responder_.send(http::Response::json(status, error.json()));
    return;
  }
  responder_.event(error.json());
  responder_.event(kDone);
  responder_.end();
}

Usage Generation::usage() const {
  Usage usage;
  const auto n = static_cast<std::size_t>(plan_.fields.n);
  for (std::size_t i = 0; i < states_.size(); ++i) {
    usage.completion_tokens += states_[i].tokens;
    if (i % n != 0) continue;  // the other choices share the prompt
    usage.prompt_tokens += static_cast<std::int64_t>(plan_.prompts[i / n].ids.size());
    usage.cached_tokens += states_[i].cached;
  }
  return usage;
}

std::optional<Usage> Generation::running_usage() const {
  return plan_.fields.continuous_usage ? std::optional(usage()) : std::nullopt;
}

}  // namespace lmf::api
