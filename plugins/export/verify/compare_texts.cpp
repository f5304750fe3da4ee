#include "verify/compare_texts.hpp"

#include <algorithm>
#include <array>
#include <string_view>

#include <fmt/format.h>

namespace lmf::exporter {
namespace {

using text::Message;
using text::Role;

struct Conversation {
  std::string system;
  std::vector<std::string> turns;  // question, answer, question, ...
  std::string tools = {};          // with them the first answer calls them, and the question behind it is their results
};

const std::array<Conversation, 4>& conversations() {
  static const std::array<Conversation, 4> all = {{
      {"", {"What is the capital of France?", "The capital of France is Paris.", "And which river flows through it?"}},
      {"Answer in one word.", {"Is 17 a prime number?", "Yes", "Is 2^10 larger than 1000?"}},
      {"",
       {"Übersetze: „Größe“, 名前, имя, 👍🏽!", "size, name, name, 👍🏽",
        "  def f(x):\n\treturn x + 1\n\n"}},
      {"", {" ", "I'll wait; you're silent.", "1234567 − 89 ≈ ?"}},
  }};
  return all;
}

const Conversation& conversation_with_tools() {
  static const Conversation with_tools = {
      "Answer in one word.",
      {"Is it warm in Zürich and in Oslo?",
       R"([{"name": "weather", "arguments": {"city": "Zürich", "days": [1, 2.0]}}, {"name": "noop", "arguments": {}}])",
       R"({"warm": true})", "Yes", "Really?"},
      R"([{"name": "weather", "description": "The weather's \"facts\",\nof a city", "parameters": {"type": "object",
          "properties": {"city": {"type": "string", "description": "名前"},
                         "days": {"type": "array", "enum": [1, 2], "items": {"type": "number"}}},
          "required": ["city"]}}, {"name": "noop", "description": "", "parameters": {}}])"};
  return with_tools;
}

std::vector<Message> messages_of(const Conversation& conversation) {
  std::vector<Message> messages;
  for (const std::string& turn : conversation.turns)
    messages.push_back({messages.size() % 2 == 0 ? Role::user : Role::assistant, turn});
  if (!conversation.tools.empty()) {
    messages.at(1).role = Role::function;
    messages.at(2).role = Role::observation;
  }
  return messages;
}

std::vector<std::int32_t> flat(const std::vector<std::vector<std::int32_t>>& parts) {
  std::vector<std::int32_t> all;
  for (const auto& part : parts) all.insert(all.end(), part.begin(), part.end());
  return all;
}

/// The slots as the text that chat_template.jinja prints.
std::string written(const std::vector<text::Slot>& slots, const std::string& content,
                    const text::SpecialTokens& special) {
  constexpr std::string_view kContent = "{{content}}";
  std::string result;
  for (const text::Slot& slot : slots) {
    if (slot.kind == text::Slot::Kind::bos) result += special.bos.value_or("");
    if (slot.kind == text::Slot::Kind::eos) result += special.eos.value_or("");
    if (slot.kind != text::Slot::Kind::text) continue;
    std::string text = slot.text;
    if (const auto at = text.find(kContent); at != text.npos) text.replace(at, kContent.size(), content);
    result += text;
  }
  return result;
}

std::string as_one_text(const text::ChatTemplate& chat, const Conversation& conversation,
                        const text::SpecialTokens& special) {
  std::string system = conversation.system.empty() ? chat.default_system : conversation.system;
  if (!conversation.tools.empty()) system += chat.tool_format->tools_text(conversation.tools);
  const std::string opening = system.empty() ? "" : written(chat.system, system, special);
  std::string result = written(chat.prefix, "", special);
  if (!chat.system_in_first_user) result += opening;
  const auto messages = messages_of(conversation);
  for (const Message& message : messages) {
    const std::string fused = chat.system_in_first_user && &message == &messages.front() ? opening : "";
    switch (message.role) {
      case Role::function:
        result += written(chat.function, chat.tool_format->calls_text(message.content), special);
        break;
      case Role::observation:
        result += written(chat.observation, message.content, special);
        break;
      case Role::assistant:
        result += written(chat.assistant, message.content, special);
        break;
      default:
        result += written(chat.user, fused + message.content, special);
    }
  }
  return result;
}

void compare_conversation(const text::Tokenizer& exported, const text::Tokenizer& trained,
                          const text::ChatTemplate& chat, const Conversation& conversation, TextFindings& findings) {
  const auto messages = messages_of(conversation);
  const auto expected = flat(chat.encode(trained, messages, conversation.system, conversation.tools));
  const auto ours = flat(chat.encode(exported, messages, conversation.system, conversation.tools));
  ++findings.texts;
  ++findings.conversations;
  findings.tokens += static_cast<std::int64_t>(expected.size());
  if (ours != expected && findings.failure.empty())
    findings.failure = fmt::format(
        "the exported tokenizer makes other tokens than training of a conversation that "
        "begins with '{}'",
        conversation.turns.front());
  if (!findings.own_chat_template) return;
  if (exported.encode(as_one_text(chat, conversation, exported.special())) != expected)
    ++findings.otherwise_as_one_text;
}

}  // namespace

TextFindings compare_texts(const text::Tokenizer& exported, const text::Tokenizer& trained,
                           const std::optional<text::ChatTemplate>& chat_template) {
  TextFindings findings;
  for (const Conversation& conversation : conversations())
    for (const std::string& text : conversation.turns) {
      ++findings.texts;
      const auto expected = trained.encode(text, /*add_special_tokens=*/true);
      findings.tokens += static_cast<std::int64_t>(expected.size());
      if (exported.encode(text, /*add_special_tokens=*/true) != expected && findings.failure.empty())
        findings.failure = fmt::format("the exported tokenizer makes other tokens than the model's of '{}'", text);
    }
  if (!chat_template) return findings;
  findings.own_chat_template =
      !exported.chat_template().empty() && exported.chat_template() == chat_template->jinja(exported);
  for (const Conversation& conversation : conversations())
    compare_conversation(exported, trained, *chat_template, conversation, findings);
  if (chat_template->tool_format)
    compare_conversation(exported, trained, *chat_template, conversation_with_tools(), findings);
  if (chat_template->stop_ids(exported) != chat_template->stop_ids(trained) && findings.failure.empty())
    findings.failure = "the exported tokenizer ends answers at other tokens than training";
  return findings;
}

std::vector<std::vector<std::int64_t>> probe_sequences(const text::Tokenizer& tokenizer,
                                                       const std::optional<text::ChatTemplate>& chat_template,
                                                       std::int64_t longest) {
  std::vector<std::vector<std::int64_t>> sequences;
  for (const Conversation& conversation : conversations()) {
    std::vector<std::int32_t> ids;
    if (chat_template)
      ids = flat(chat_template->encode(tokenizer, messages_of(conversation), conversation.system));
    else
      for (const std::string& text : conversation.turns) {
        const auto more = tokenizer.encode(text);
        ids.insert(ids.end(), more.begin(), more.end());
      }
    ids.resize(std::min(ids.size(), static_cast<std::size_t>(longest)));
    if (!ids.empty()) sequences.emplace_back(ids.begin(), ids.end());
  }
  return sequences;
}

}  // namespace lmf::exporter
