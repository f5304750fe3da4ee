// A chat template as Jinja text: what the model folder's chat_template.jinja needs so that other programs talk to the
// model as it was trained.
#include <optional>
#include <string_view>

#include "text/chat_template.hpp"

namespace lmf::text {

namespace {

std::string literal(std::string_view text) {
  std::string result = "'";
  for (const char c : text) {
    if (c == '\'' || c == '\\') result += '\\';
    result += c;
  }
  return result + "'";
}

/// The slots as one Jinja expression, 'a' + content + 'b'; nullopt when a named token has no text form that is sure to
/// be tokenised as that token. Bos and eos appear as they are now, since a later loader may name others.
std::optional<std::string> expression(const std::vector<Slot>& slots, const SpecialTokens& special,
                                      std::string_view variable) {
  std::string result;
  const auto add = [&result](const std::string& item) { result += (result.empty() ? "" : " + ") + item; };
  for (const Slot& slot : slots) {
    if (slot.kind == Slot::Kind::token) return std::nullopt;
    if (slot.kind == Slot::Kind::bos && special.bos) add(literal(*special.bos));
    if (slot.kind == Slot::Kind::eos && special.eos) add(literal(*special.eos));
    if (slot.kind != Slot::Kind::text) continue;
    constexpr std::string_view kContent = "{{content}}";
    const std::size_t at = slot.text.find(kContent);
    const std::string before = slot.text.substr(0, at);
    if (!before.empty()) add(literal(before));
    if (at == std::string::npos) continue;
    add(std::string(variable));
    if (const std::string after = slot.text.substr(at + kContent.size()); !after.empty()) add(literal(after));
  }
  return result;
}

}  // namespace

std::string ChatTemplate::jinja(const Tokenizer& tokenizer) const {
  const auto& special = tokenizer.special();
  const auto opening = expression(prefix, special, "");
  const auto system_part = expression(system, special, "system_text");
  const auto user_part =
      expression(user, special, system_in_first_user ? "opening + turn['content']" : "turn['content']");
  const auto assistant_part = expression(assistant, special, "turn['content']");
  if (!opening || !system_part || !user_part || !assistant_part) return {};

  // As encode(): an empty system text means the default one.
  std::string text = "{% set system_text = " + literal(default_system) +
                     " %}{% set turns = messages %}"
                     "{% if messages[0]['role'] == 'system' %}{% set turns = messages[1:] %}"
                     "{% set system_text = messages[0]['content'] or system_text %}{% endif %}";
  if (!opening->empty()) text += "{{ " + *opening + " }}";
  if (!system_in_first_user) text += "{% if system_text %}{{ " + *system_part + " }}{% endif %}";
  text += "{% for turn in turns %}";
  if (system_in_first_user) text += "{% set opening = " + *system_part + " if loop.first and system_text else '' %}";
  return text + "{% if turn['role'] == 'user' %}{{ " + *user_part + " }}{% elif turn['role'] == 'assistant' %}{{ " +
         *assistant_part + " }}{% endif %}{% endfor %}";
}

}  // namespace lmf::text
