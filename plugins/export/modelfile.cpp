#include "modelfile.hpp"

#include <algorithm>
#include <optional>
#include <string_view>

#include <fmt/format.h>

namespace lmf::exporter {
namespace {

using text::Slot;

constexpr std::int64_t kUsualContext = 4096;

void replace_all(std::string& text, std::string_view what, std::string_view with) {
  for (auto at = text.find(what); at != std::string::npos; at = text.find(what, at + with.size()))
    text.replace(at, what.size(), with);
}

/// Text as Go's templates and the Modelfile's """quotes""" print it again.
std::string literal(std::string text) {
  replace_all(text, "{{", R"({{ "{{" }})");
  replace_all(text, R"(""")", R"({{ "\"\"\"" }})");
  return text;
}

/// The slots with `content` in the place of {{content}}. Bos and eos appear as they are now.
std::string written(const std::vector<Slot>& slots, const text::SpecialTokens& special, const std::string& content) {
  constexpr std::string_view kContent = "{{content}}";
  std::string result;
  for (const Slot& slot : slots) {
    if (slot.kind == Slot::Kind::bos) result += literal(special.bos.value_or(""));
    if (slot.kind == Slot::Kind::eos) result += literal(special.eos.value_or(""));
    if (slot.kind == Slot::Kind::token) result += literal(slot.text);
    if (slot.kind != Slot::Kind::text) continue;
    const auto at = slot.text.find(kContent);
    result += literal(slot.text.substr(0, at));
    if (at != std::string::npos) result += content + literal(slot.text.substr(at + kContent.size()));
  }
  return result;
}

/// Messages also holds those of the system, which the loop passes over: .System has them.
std::string go_template(const text::ChatTemplate& chat, const text::SpecialTokens& special) {
  std::string result = written(chat.prefix, special, ""), user;
  if (chat.system_in_first_user) {
    result += "{{ $first := true }}";
    user = "{{ if and $first $.System }}" + written(chat.system, special, "{{ $.System }}") + "{{ end }}{{ .Content }}";
  } else {
    result += "{{ if .System }}" + written(chat.system, special, "{{ .System }}") + "{{ end }}";
    user = "{{ .Content }}";
  }
  result += R"({{ range .Messages }}{{ if eq .Role "user" }})" + written(chat.user, special, user);
  if (chat.system_in_first_user) result += "{{ $first = false }}";
  return result + R"({{ else if eq .Role "assistant" }})" + written(chat.assistant, special, "{{ .Content }}") +
         "{{ end }}{{ end }}";
}

/// A value in double quotes.
std::string quoted(std::string text) {
  replace_all(text, "\\", "\\\\");
  replace_all(text, "\"", "\\\"");
  replace_all(text, "\n", "\\n");
  return "\"" + text + "\"";
}

}  // namespace

std::string modelfile(const text::ChatTemplate* chat_template, const text::Tokenizer& tokenizer,
                      const std::string& from, std::int64_t context_length) {
  std::string result = "# For ollama, written by lmf export: ollama create NAME -f Modelfile\n\nFROM " + from + "\n\n";
  std::vector<std::string> stops;
  if (chat_template != nullptr) {
    result += "TEMPLATE \"\"\"" + go_template(*chat_template, tokenizer.special()) + "\"\"\"\n\n";
    if (!chat_template->default_system.empty()) {
      std::string system = chat_template->default_system;
      replace_all(system, R"(""")", R"(" " ")");  // these quotes cannot be escaped there
      result += "SYSTEM \"\"\"" + system + "\"\"\"\n\n";
    }
    for (const auto id : chat_template->stop_ids(tokenizer)) stops.push_back(tokenizer.token(id));
  } else if (tokenizer.special().eos) {
    stops.push_back(*tokenizer.special().eos);
  }
  for (const std::string& stop : stops) result += "PARAMETER stop " + quoted(stop) + "\n";
  return result + fmt::format("PARAMETER num_ctx {}\n", std::min(kUsualContext, context_length));
}

}  // namespace lmf::exporter
