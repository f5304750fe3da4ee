#include "text/chat_template.hpp"

#include <algorithm>
#include <set>

#include <fmt/format.h>

#include "base/log.hpp"
#include "lmf/error.hpp"

namespace lmf::text {

namespace {

constexpr std::string_view kContent = "{{content}}";

/// The slots with the first {{content}} of each replaced. Only the template's own text is searched: a message that
/// happens to contain a placeholder stays as it is.
std::vector<Slot> fill(const std::vector<Slot>& slots, std::string_view content) {
  std::vector<Slot> filled = slots;
  for (Slot& slot : filled) {
    const std::size_t at = slot.kind == Slot::Kind::text ? slot.text.find(kContent) : std::string::npos;
    if (at != std::string::npos) slot.text.replace(at, kContent.size(), content);
  }
  return filled;
}

void append(std::vector<Slot>& to, std::vector<Slot> slots) {
  to.insert(to.end(), std::make_move_iterator(slots.begin()), std::make_move_iterator(slots.end()));
}

std::int32_t id_of(const Tokenizer& tokenizer, const std::string& token, const std::string& template_name) {
  if (const auto id = tokenizer.token_id(token)) return *id;
  throw Error(
      fmt::format("The template '{}' needs the token '{}', which the tokenizer does not have.", template_name, token),
      "Choose the template that belongs to this model.");
}

std::vector<std::int32_t> tokenise(const std::vector<Slot>& slots, const Tokenizer& tokenizer,
                                   const std::string& template_name) {
  std::vector<std::int32_t> ids;
  const auto add = [&ids](std::optional<std::int32_t> id) {
    if (id) ids.push_back(*id);
  };
  for (const Slot& slot : slots) {
    switch (slot.kind) {
      case Slot::Kind::bos:
        add(tokenizer.bos_id());
        break;
      case Slot::Kind::eos:
        add(tokenizer.eos_id());
        break;
      case Slot::Kind::token:
        add(id_of(tokenizer, slot.text, template_name));
        break;
      case Slot::Kind::text: {
        const auto piece = tokenizer.encode(slot.text);
        ids.insert(ids.end(), piece.begin(), piece.end());
      }
    }
  }
  return ids;
}

const std::vector<Slot>& slots_of(const ChatTemplate& chat_template, Role role) {
  switch (role) {
    case Role::user:
      return chat_template.user;
    case Role::assistant:
      return chat_template.assistant;
    case Role::observation:
      return chat_template.observation;
    case Role::function:
      return chat_template.function;
    case Role::system:
      break;
  }
  throw Error("A system message has to come first, as the conversation's system text.");
}

const ToolFormat& format_of(const ChatTemplate& chat_template) {
  if (chat_template.tool_format) return *chat_template.tool_format;
  throw Error(fmt::format("The template '{}' was read without its tool format.", chat_template.name));
}

/// The template of a model for which none is named.
ChatTemplate guess(const std::filesystem::path& share_directory, const Tokenizer& tokenizer) {
  const std::string own = tokenizer.chat_template();
  if (own.empty()) {
    log::warn("No template is named and the tokenizer has none: using 'empty', which adds nothing to the texts.");
    return ChatTemplate::load(share_directory, "empty");
  }
  const auto names = ChatTemplate::names(share_directory);
  for (const std::string& name : names) {
    ChatTemplate candidate = ChatTemplate::load(share_directory, name);
    if (candidate.jinja(tokenizer) == own) return candidate;
    for (const std::string& format : ToolFormat::names(share_directory)) {
      candidate.set_tool_format(share_directory, format);
      if (candidate.jinja(tokenizer) == own) return candidate;
    }
  }
  throw Error("No template is named, and the tokenizer's own chat template (Jinja) is none that lmf has written.",
              fmt::format("Set template to the model's family: {}.", fmt::join(names, ", ")), kExitUsage);
}

}  // namespace

std::vector<std::vector<std::int32_t>> ChatTemplate::encode(const Tokenizer& tokenizer,
                                                            const std::vector<Message>& messages,
                                                            const std::string& given_system,
                                                            const std::string& tools) const {
  std::string system_text = given_system.empty() ? default_system : given_system;
  if (!tools.empty()) system_text += format_of(*this).tools_text(tools);
  std::vector<std::vector<std::int32_t>> encoded;
  encoded.reserve(messages.size());
  for (const Message& message : messages) {
    std::vector<Slot> slots;
    std::string fused;
    if (encoded.empty()) {
      slots = prefix;
      if (!system_text.empty() || !tools.empty()) {
        auto opening = fill(system, system_text);
        if (system_in_first_user) {
          fused = std::move(opening.front().text);
        } else {
          append(slots, std::move(opening));
        }
      }
    }
    std::string content = message.role == Role::function ? message.before + format_of(*this).calls_text(message.content)
                                                         : message.content;
    append(slots, fill(slots_of(*this, message.role), message.role == Role::user ? fused + content : content));
    encoded.push_back(tokenise(slots, tokenizer, name));
  }
  return encoded;
}

bool ChatTemplate::repair(Tokenizer& tokenizer) const {
  bool grown = false;
  auto remaining = stop_words.begin();
  if (replace_eos) {
    const std::string& eos = *remaining++;  // read() guarantees a stop word
    if (tokenizer.special().eos != eos) grown |= tokenizer.set_eos(eos);
  }
  if (!tokenizer.eos_id()) grown |= tokenizer.set_eos("<|endoftext|>");
  if (!tokenizer.pad_id()) grown |= tokenizer.set_pad(*tokenizer.special().eos);
  for (; remaining != stop_words.end(); ++remaining) grown |= tokenizer.add_special_token(*remaining);
  if (tokenizer.chat_template().empty() || replace_jinja_template) {
    if (const std::string text = jinja(tokenizer); !text.empty()) tokenizer.set_chat_template(text);
  }
  return grown;
}

std::vector<std::int32_t> ChatTemplate::stop_ids(const Tokenizer& tokenizer) const {
  std::set<std::int32_t> ids;
  if (const auto eos = tokenizer.eos_id()) ids.insert(*eos);
  for (const std::string& word : stop_words) {
    if (const auto id = tokenizer.token_id(word)) ids.insert(*id);
  }
  return {ids.begin(), ids.end()};
}

ChatTemplate ChatTemplate::choose(const std::filesystem::path& share_directory, const TemplateChoice& choice,
                                  const Tokenizer& tokenizer) {
  ChatTemplate chosen = choice.name ? load(share_directory, *choice.name) : guess(share_directory, tokenizer);
  if (choice.default_system) chosen.default_system = *choice.default_system;
  if (choice.tool_format) chosen.set_tool_format(share_directory, *choice.tool_format);
  chosen.enable_thinking = choice.enable_thinking;
  chosen.preserve_thinking = choice.preserve_thinking;
  return chosen;
}

}  // namespace lmf::text
