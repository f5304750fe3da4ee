// Turns of a conversation as tokens, with what reasoning templates do to the thoughts in answers: LLaMA-Factory's ways
// (its 0.9.5), which differ between training on all turns and an answer behind one prompt.
#include <algorithm>
#include <string_view>

#include <fmt/format.h>

#include "lmf/error.hpp"
#include "text/chat_template.hpp"

namespace lmf::text {

namespace {

using Ids = ChatTemplate::Ids;

constexpr std::string_view kOpen = "<think>", kClose = "</think>";

bool is_answer(const Message& message) { return message.role == Role::assistant || message.role == Role::function; }

/// Thoughts are laid out as models write them, a line break within each mark and an empty line behind; others stay.
std::string without_thoughts(std::string_view text) {
  const std::string open = fmt::format("{}\n", kOpen), close = fmt::format("\n{}\n\n", kClose);
  std::string kept;
  while (true) {
    const auto begin = text.find(open);
    const auto end = begin == text.npos ? text.npos : text.find(close, begin + open.size());
    if (end == text.npos) break;
    kept += text.substr(0, begin);
    text.remove_prefix(end + close.size());
  }
  kept += text;
  return kept.substr(std::min(kept.find_first_not_of('\n'), kept.size()));
}

bool has_thought(const std::string& text) {
  return text.find(kOpen) != std::string::npos || text.find(kClose) != std::string::npos;
}

void append(Ids& to, const Ids& from) { to.insert(to.end(), from.begin(), from.end()); }

Ids empty_thought(const Tokenizer& tokenizer) { return tokenizer.encode(fmt::format("{}\n\n{}\n\n", kOpen, kClose)); }

void require_turns(const std::vector<Message>& messages) {
  for (std::size_t i = 0; i < messages.size(); ++i) {
    if (is_answer(messages[i]) != (i % 2 == 1))
      throw Error(fmt::format("Message {} breaks the alternation of question and answer.", i + 1));
  }
  if (messages.size() % 2 != 0) throw Error("The conversation ends with a question that has no answer.");
}

/// Puts the empty thought where a turn whose answer has none is to have it.
void add_empty_thought(const ChatTemplate& chat_template, const Tokenizer& tokenizer, const Message& answer,
                       Ids& prompt_ids, Ids& answer_ids) {
  if (!chat_template.reasoning || has_thought(answer.content)) return;
  Ids thought = empty_thought(tokenizer);
  if (!chat_template.enable_thinking.value_or(false)) return append(prompt_ids, thought);
  append(thought, answer_ids);
  answer_ids = std::move(thought);
}

}  // namespace

std::vector<Message> ChatTemplate::forget_thoughts(std::vector<Message> messages) const {
  if (!reasoning || preserve_thinking) return messages;
  for (std::size_t i = 0; i + 1 < messages.size(); ++i)
    if (is_answer(messages[i]))
      for (std::string* text : {&messages[i].before, &messages[i].content}) *text = without_thoughts(*text);
  return messages;
}

std::vector<std::pair<Ids, Ids>> ChatTemplate::encode_turns(const Tokenizer& tokenizer, std::vector<Message> messages,
                                                            const std::string& given_system, const std::string& tools,
                                                            bool only_last) const {
  require_turns(messages);
  if (reasoning && enable_thinking == false)
    for (std::size_t i = 1; i < messages.size(); i += 2) messages[i].content = without_thoughts(messages[i].content);
  const bool forgets = only_last && !preserve_thinking;
  if (forgets) messages = forget_thoughts(std::move(messages));
  auto encoded = encode(tokenizer, messages, given_system, tools);
  std::vector<std::pair<Ids, Ids>> turns;
  turns.reserve(encoded.size() / 2);
  for (std::size_t i = 0; i < encoded.size(); i += 2) {
    if (!forgets || i + 2 == encoded.size())
      add_empty_thought(*this, tokenizer, messages[i + 1], encoded[i], encoded[i + 1]);
    turns.emplace_back(std::move(encoded[i]), std::move(encoded[i + 1]));
  }
  return turns;
}

std::pair<Ids, Ids> ChatTemplate::encode_answer(const Tokenizer& tokenizer, std::vector<Message> messages,
                                                const std::string& given_system, const std::string& tools) const {
  require_turns(messages);
  if (messages.empty()) throw Error("The conversation is empty.");
  messages = forget_thoughts(std::move(messages));
  std::string& last = messages.back().content;
  if (reasoning && enable_thinking == false) last = without_thoughts(last);
  auto encoded = encode(tokenizer, messages, given_system, tools);
  Ids answer = std::move(encoded.back()), prompt;
  encoded.pop_back();
  for (const Ids& ids : encoded) append(prompt, ids);
  add_empty_thought(*this, tokenizer, messages.back(), prompt, answer);
  return {std::move(prompt), std::move(answer)};
}

Ids ChatTemplate::encode_prompt(const Tokenizer& tokenizer, const std::vector<Message>& messages,
                                const std::string& given_system, const std::string& tools,
                                std::optional<bool> thinks) const {
  Ids prompt;
  for (const Ids& ids : encode(tokenizer, forget_thoughts(messages), given_system, tools)) append(prompt, ids);
  const bool skips = reasoning ? !thinks.value_or(enable_thinking.value_or(false))
                               : thinks == false && tokenizer.token_id(std::string(kOpen)).has_value();
  if (skips) append(prompt, empty_thought(tokenizer));
  return prompt;
}

}  // namespace lmf::text
