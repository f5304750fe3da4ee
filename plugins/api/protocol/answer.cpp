#include "protocol/answer.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "protocol/json_text.hpp"

namespace lmf::api {
namespace {

std::string usage_text(const Usage& usage) {
  return fmt::format(
      R"({{"prompt_tokens":{},"completion_tokens":{},"total_tokens":{},"prompt_tokens_details":{{"cached_tokens":{}}}}})",
      usage.prompt_tokens, usage.completion_tokens, usage.prompt_tokens + usage.completion_tokens, usage.cached_tokens);
}

std::string timings_text(const std::optional<Timings>& timings) {
  if (!timings) return {};
  return fmt::format(R"(,"timings":{{"queued_seconds":{:.6f},"first_token_seconds":{:.6f},"seconds":{:.6f}}})",
                     timings->queued, timings->first_token, timings->whole);
}

/// The bytes are told as well: a token may be a part of a character.
std::string alternative(const LogprobEntry::Alternative& token) {
  std::string bytes;
  for (const char byte : token.token)
    bytes += fmt::format("{}{}", bytes.empty() ? "" : ",", static_cast<unsigned char>(byte));
  return fmt::format(R"("token":{},"logprob":{},"bytes":[{}])", json_string(token.token), token.logprob, bytes);
}

std::string chat_logprobs(const std::vector<LogprobEntry>& entries) {
  std::string text;
  for (const LogprobEntry& entry : entries) {
    std::string top;
    for (const auto& other : entry.top) top += (top.empty() ? "{" : ",{") + alternative(other) + "}";
    text += fmt::format(R"({}{{{},"top_logprobs":[{}]}})", text.empty() ? "" : ",", alternative(entry.chosen), top);
  }
  return R"({"content":[)" + text + R"(],"refusal":null})";
}

std::string completion_logprobs(const std::vector<LogprobEntry>& entries) {
  std::string tokens, logprobs, tops, offsets;
  for (const LogprobEntry& entry : entries) {
    const char* comma = tokens.empty() ? "" : ",";
    tokens += comma + json_string(entry.chosen.token);
    logprobs += entry.known ? fmt::format("{}{}", comma, entry.chosen.logprob) : fmt::format("{}null", comma);
    std::string top;
    for (const auto& other : entry.top)
      top += fmt::format("{}{}:{}", top.empty() ? "" : ",", json_string(other.token), other.logprob);
    tops += entry.known ? fmt::format("{}{{{}}}", comma, top) : fmt::format("{}null", comma);
    offsets += fmt::format("{}{}", comma, entry.offset);
  }
  return fmt::format(R"({{"tokens":[{}],"token_logprobs":[{}],"top_logprobs":[{}],"text_offset":[{}]}})", tokens,
                     logprobs, tops, offsets);
}

std::string logprobs_text(Route route, const std::vector<LogprobEntry>* entries) {
  if (entries == nullptr) return "null";
  return route == Route::chat ? chat_logprobs(*entries) : completion_logprobs(*entries);
}

/// A call from its begin on, without its braces.
std::string call_text(const CallText& call) {
  return fmt::format(R"("id":{},"type":"function","function":{{"name":{},"arguments":{}}})", json_string(call.id),
                     json_string(call.name), json_string(call.arguments));
}

/// The message of a chat's answer. Beside calls, no text is null.
std::string message_text(const Choice& choice) {
  std::string text = R"("message":{"role":"assistant","content":)";
  text += choice.text.empty() && !choice.calls.empty() ? "null" : json_string(choice.text);
  if (!choice.reasoning.empty()) text += R"(,"reasoning_content":)" + json_string(choice.reasoning);
  for (const CallText& call : choice.calls)
    text += (&call == &choice.calls.front() ? R"(,"tool_calls":[{)" : ",{") + call_text(call) + "}";
  return text + (choice.calls.empty() ? "" : "]") + R"(,"refusal":null})";
}

std::string begin_of(const AnswerHead& head, const char* object) {
  return fmt::format(R"({{"id":{},"object":"{}","created":{},"model":{},"system_fingerprint":{},"choices":[)",
                     json_string(head.id), object, head.created, json_string(head.model),
                     json_string(head.fingerprint));
}

}  // namespace

std::size_t characters(std::string_view bytes) {
  return static_cast<std::size_t>(
      std::count_if(bytes.begin(), bytes.end(), [](char byte) { return (byte & 0xC0) != 0x80; }));
}

std::string whole_answer(const AnswerHead& head, const std::vector<Choice>& choices, const Usage& usage,
                         const std::optional<Timings>& timings) {
  const bool chat = head.route == Route::chat;
  std::string text = begin_of(head, chat ? "chat.completion" : "text_completion");
  for (const Choice& choice : choices) {
    if (&choice != &choices.front()) text += ',';
    text += fmt::format(R"({{"index":{},)", choice.index);
    text += chat ? message_text(choice) : R"("text":)" + json_string(choice.text);
    text += fmt::format(R"(,"logprobs":{},"finish_reason":"{}"}})",
                        logprobs_text(head.route, choice.logprobs ? &*choice.logprobs : nullptr), choice.finish);
  }
  return text + R"(],"usage":)" + usage_text(usage) + timings_text(timings) + "}";
}

StreamText::StreamText(const AnswerHead& head, bool usage_wanted)
    : route_(head.route),
      usage_wanted_(usage_wanted),
      begin_(begin_of(head, head.route == Route::chat ? "chat.completion.chunk" : "text_completion")) {}

std::string StreamText::event(const std::string& choice, const std::optional<Usage>& usage) const {
  std::string text = begin_ + choice + "]";
  if (usage)
    text += R"(,"usage":)" + usage_text(*usage);
  else if (usage_wanted_)
    text += R"(,"usage":null)";
  return text + "}";
}

std::string StreamText::opening(std::int64_t index) const {
  return event(
      fmt::format(R"({{"index":{},"delta":{{"role":"assistant","content":""}},"logprobs":null,"finish_reason":null}})",
                  index),
      std::nullopt);
}

std::string StreamText::piece(std::int64_t index, std::string_view text, const std::vector<LogprobEntry>* logprobs,
                              const std::optional<Usage>& usage, std::string_view member) const {
  const std::string said = json_string(text);
  const std::string content =
      route_ == Route::chat ? fmt::format(R"("delta":{{"{}":{}}})", member, said) : R"("text":)" + said;
  return event(fmt::format(R"({{"index":{},{},"logprobs":{},"finish_reason":null}})", index, content,
                           logprobs_text(route_, logprobs)),
               usage);
}

std::string StreamText::call(std::int64_t index, std::size_t number, const CallText* begin, std::string_view arguments,
                             const std::vector<LogprobEntry>* logprobs, const std::optional<Usage>& usage) const {
  const std::string part =
      begin == nullptr ? R"("function":{"arguments":)" + json_string(arguments) + "}" : call_text(*begin);
  return event(fmt::format(R"({{"index":{},"delta":{{"tool_calls":[{{"index":{},{}}}]}},"logprobs":{},)"
                           R"("finish_reason":null}})",
                           index, number, part, logprobs_text(route_, logprobs)),
               usage);
}

std::string StreamText::ending(std::int64_t index, std::string_view finish, const std::optional<Usage>& usage) const {
  return event(fmt::format(R"({{"index":{},{},"logprobs":null,"finish_reason":"{}"}})", index,
                           route_ == Route::chat ? R"("delta":{})" : R"("text":"")", finish),
               usage);
}

std::string StreamText::totals(const Usage& usage, const std::optional<Timings>& timings) const {
  std::string text = event("", usage);
  text.pop_back();
  return text + timings_text(timings) + "}";
}

}  // namespace lmf::api
