#include "prompts.hpp"

#include "lmf/error.hpp"
#include "protocol/api_error.hpp"

namespace lmf::api {
namespace {

/// The slots up to the content, which is the last that is written.
std::vector<text::Slot> open_ended(const std::vector<text::Slot>& slots) {
  constexpr std::string_view kContent = "{{content}}";
  std::vector<text::Slot> open;
  for (const text::Slot& slot : slots) {
    open.push_back(slot);
    const auto place = slot.kind == text::Slot::Kind::text ? slot.text.find(kContent) : slot.text.npos;
    if (place == slot.text.npos) continue;
    open.back().text.resize(place + kContent.size());
    break;
  }
  return open;
}

/// The turns as this template's tool format takes them: results in a row are one, and where a call has no mark of its
/// own nothing can stand before it.
std::vector<text::Message> turns_of(const text::ChatTemplate& chat_template, const Conversation& conversation) {
  std::vector<text::Message> turns;
  for (const text::Message& turn : conversation.turns) {
    const bool again = !turns.empty() && turns.back().role == turn.role && turn.role == text::Role::observation;
    if (again && chat_template.tool_format) {
      turns.back().content += chat_template.tool_format->result_separator + turn.content;
      continue;
    }
    turns.push_back(turn);
    if (chat_template.tool_format && !chat_template.tool_format->calls_are_marked()) turns.back().before.clear();
  }
  return turns;
}

}  // namespace

std::string call_mark(const text::ChatTemplate& chat_template) {
  const auto open = open_ended(chat_template.function);
  if (open.size() != 1 || open.front().kind != text::Slot::Kind::text) return {};
  std::string mark = text::ToolFormat::around(open.front().text, "content").first;
  while (mark.ends_with(' ')) mark.pop_back();
  return mark;
}

std::vector<std::int32_t> encode_conversation(const text::ChatTemplate& chat_template, const text::Tokenizer& tokenizer,
                                              const Conversation& conversation, const std::string& tools) {
  try {
    auto messages = turns_of(chat_template, conversation);
    if (!conversation.continues)
      return chat_template.encode_prompt(tokenizer, messages, conversation.system, tools, conversation.thinks);
    messages = chat_template.forget_thoughts(std::move(messages));
    auto turns = chat_template.encode(tokenizer, messages, conversation.system, tools);
    text::ChatTemplate open = chat_template;
    open.assistant = open_ended(chat_template.assistant);
    turns.back() = open.encode(tokenizer, messages, conversation.system, tools).back();
    std::vector<std::int32_t> ids;
    for (const auto& turn : turns) ids.insert(ids.end(), turn.begin(), turn.end());
    return ids;
  } catch (const Error& error) {
    throw ApiError::invalid("messages", error.what());
  }
}

}  // namespace lmf::api
