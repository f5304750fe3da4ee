// A chat template as Jinja text: what the model folder's chat_template.jinja needs so that other programs talk to the
// model as it was trained, also of tools. Every text is a literal within {{ }}: line breaks outside, and blanks before
// a {% %}, are taken away by the environments that read it.
#include <map>
#include <optional>
#include <string_view>

#include <fmt/format.h>

#include "text/chat_template.hpp"
#include "text/python_json.hpp"

namespace lmf::text {

namespace {

/// What stands in Jinja for the places of a text.
using Places = std::map<std::string_view, std::string>;

std::string literal(std::string_view text) {
  std::string result = "'";
  for (const char c : text) {
    if (c == '\'' || c == '\\') result += '\\';
    result += c;
  }
  return result + "'";
}

std::string printed(std::string_view text) { return text.empty() ? "" : "{{ " + literal(text) + " }}"; }

std::string when(std::string_view condition, std::string_view then, std::string_view otherwise = {}) {
  if (otherwise.empty()) return fmt::format("{{% if {} %}}{}{{% endif %}}", condition, then);
  return fmt::format("{{% if {} %}}{}{{% else %}}{}{{% endif %}}", condition, then, otherwise);
}

std::string for_each(std::string_view one, std::string_view all, std::string_view separator, std::string_view body) {
  return fmt::format("{{% for {} in {} %}}{}{}{{% endfor %}}", one, all,
                     separator.empty() ? "" : when("not loop.first", printed(separator)), body);
}

std::string refusal(std::string_view expression) { return fmt::format("{{{{ raise_exception({}) }}}}", expression); }

/// What prints the text, with its places filled.
std::string filled(std::string_view text, const Places& places) {
  for (auto open = text.find("{{"); open != text.npos; open = text.find("{{", open + 1)) {
    const auto close = text.find("}}", open);
    const auto place = places.find(text.substr(open + 2, close - open - 2));
    if (place != places.end())
      return printed(text.substr(0, open)) + place->second + filled(text.substr(close + 2), places);
  }
  return printed(text);
}

/// The slots as one text; nullopt when a named token has no text form that is sure to be tokenised as that token. Bos
/// and eos appear as they are now, since a later loader may name others.
std::optional<std::string> text_of(const std::vector<Slot>& slots, const SpecialTokens& special) {
  std::string result;
  for (const Slot& slot : slots) {
    if (slot.kind == Slot::Kind::token) return std::nullopt;
    result += slot.kind == Slot::Kind::bos   ? special.bos.value_or("")
              : slot.kind == Slot::Kind::eos ? special.eos.value_or("")
                                             : slot.text;
  }
  return result;
}

/// As ToolFormat::tools_text().
std::string tools_part(const ToolFormat& format) {
  const std::string indent = format.indent < 0 ? "" : fmt::format("(indent={})", format.indent);
  const std::string described = format.wrapped ? "{'type': 'function', 'function': function}" : "function";
  const std::string parameter = filled(
      format.parameter,
      {{"name", "{{ name }}"},
       {"type", "{{ (property['type'] or '')|string }}"},
       {"required", when("name in (function['parameters']['required'] or [])", printed(format.required))},
       {"description", "{{ property['description'] }}"},
       {"enum",
        when("property['enum']", filled(format.enumeration, {{"values", "{{ property['enum']|join(', ') }}"}}))},
       {"items", when("'items' in property and property['items']",  // or it would be Python's method of this name
                      filled(format.items, {{"type", "{{ (property['items']['type'] or '')|string }}"}}))}});
  const std::string tool = filled(
      format.tool,
      {{"json", fmt::format("{{{{ {}|tojson{} }}}}", described, indent)},
       {"name", "{{ function['name'] }}"},
       {"description", "{{ function['description'] }}"},
       {"parameters",
        for_each("name, property", "((function['parameters'] or {})['properties'] or {})|items", "", parameter)}});
  const std::string function = "{% set function = tool['function'] or tool %}";
  return filled(format.prompt, {{"tools", for_each("tool", "tools", format.tool_separator, function + tool)},
                                {"names", for_each("tool", "tools", ", ", function + "{{ function['name'] }}")},
                                {"date", "{{ strftime_now('%d %b %Y') }}"}});
}

/// As ToolFormat::calls_text(), behind what was said before them. Arguments that are a text already stay as it is.
std::string calls_part(const ToolFormat& format) {
  const std::string arguments = "{{ arguments if arguments is string else arguments|tojson }}";
  const std::string json =
      filled(fmt::format("{{\"name\": {{{{name}}}}, {}: {{{{arguments}}}}}}", python_json(format.arguments_key)),
             {{"name", "{{ function['name']|tojson }}"}, {"arguments", arguments}});
  const std::string call =
      "{% set function = call['function'] or call %}{% set arguments = function['arguments'] or {} %}" +
      filled(format.call, {{"json", json}, {"name", "{{ function['name'] }}"}, {"arguments", arguments}});
  const std::string calls = for_each("call", "turn['tool_calls']", format.call_separator, call);
  const std::string several = filled(format.several_calls, {{"calls", calls}});
  return (format.calls_are_marked() ? when("turn['content']", "{{ turn['content'] + '\n' }}") : "") +
         (format.one_call == format.several_calls
              ? several
              : when("turn['tool_calls']|length == 1", filled(format.one_call, {{"calls", calls}}), several));
}

/// Results in a row are one message.
std::string results_part(const ToolFormat& format, const std::string& observation) {
  const auto [before, behind] = ToolFormat::around(observation, "content");
  return when("not loop.first and turns[loop.index0 - 1]['role'] == 'tool'", printed(format.result_separator),
              printed(before)) +
         "{{ turn['content'] }}" + when("loop.last or turns[loop.index0 + 1]['role'] != 'tool'", printed(behind));
}

}  // namespace

std::string ChatTemplate::jinja(const Tokenizer& tokenizer) const {
  const auto& special = tokenizer.special();
  const auto opening = text_of(prefix, special), system_text = text_of(system, special),
             user_text = text_of(user, special), assistant_text = text_of(assistant, special),
             function_text = text_of(function, special), observation_text = text_of(observation, special);
  if (!opening || !system_text || !user_text || !assistant_text || !function_text || !observation_text || !tool_format)
    return {};

  const std::string content = "{{ turn['content'] }}";
  const std::string system_part = filled(*system_text, {{"content", "{{ system_text }}"}});
  const std::string in_user = system_in_first_user ? when("loop.first and system_text", system_part) : "";
  // As encode(): an empty system text means the default one.
  return "{% for turn in messages %}" +
         when("turn['content'] is not string and (turn['content'] or not turn['tool_calls'])",
              refusal(literal("The content of a message is no text."))) +
         "{% endfor %}{% set system_text = " + literal(default_system) +
         " %}{% set turns = messages %}{% if messages[0]['role'] == 'system' %}{% set turns = messages[1:] %}"
         "{% set system_text = messages[0]['content'] or system_text %}{% endif %}{% if tools %}{% set tools_text %}" +
         tools_part(*tool_format) + "{% endset %}{% set system_text = system_text + tools_text %}{% endif %}" +
         printed(*opening) + (system_in_first_user ? "" : when("system_text", system_part)) +
         "{% for turn in turns %}{% if turn['role'] == 'user' %}" +
         filled(*user_text, {{"content", in_user + content}}) +
         "{% elif turn['role'] == 'assistant' and turn['tool_calls'] %}" +
         filled(*function_text, {{"content", calls_part(*tool_format)}}) + "{% elif turn['role'] == 'assistant' %}" +
         filled(*assistant_text, {{"content", content}}) + "{% elif turn['role'] == 'tool' %}" +
         results_part(*tool_format, *observation_text) + "{% else %}" +
         refusal(literal("A message has the role '") + " + turn['role'] + " +
                 literal("': expected are user, assistant and tool, and system for the first one.")) +
         "{% endif %}{% endfor %}";
}

}  // namespace lmf::text
