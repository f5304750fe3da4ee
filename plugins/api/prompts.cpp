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

}  // namespace

std::vector<std::int32_t> encode_conversation(const text::ChatTemplate& chat_template, const text::Tokenizer& tokenizer,
                                              const Conversation& conversation) {
  try {
    auto turns = chat_template.encode(tokenizer, conversation.turns, conversation.system);
    if (conversation.continues) {
      text::ChatTemplate open = chat_template;
      open.assistant = open_ended(chat_template.assistant);
      turns.back() = open.encode(tokenizer, conversation.turns, conversation.system).back();
    }
    std::vector<std::int32_t> ids;
    for (const auto& turn : turns) ids.insert(ids.end(), turn.begin(), turn.end());
    return ids;
  } catch (const Error& error) {
    throw ApiError::invalid("messages", error.what());
  }
}

}  // namespace lmf::api
