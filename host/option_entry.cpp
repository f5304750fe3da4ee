#include "host/option_entry.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "host/text_layout.hpp"
#include "host/toml_reader.hpp"

namespace lmf::host {
namespace {

using State = OptionEntry::State;

State state_of(const TomlReader& reader) {
  const std::string word = reader.text("state");
  if (word.empty() || word == "supported") return State::supported;
  if (word == "refused") return State::refused;
  if (word == "noted") return State::noted;
  reader.fail("state", fmt::format("is '{}', expected supported, refused or noted", word));
}

/// What stands for the value where the description does not say: the type in capitals, and nothing for a switch.
std::string value_word(const std::string& type, OptionEntry::Form form) {
  if (type == "flag") return form == OptionEntry::Form::dashes ? "" : "true|false";
  return upper_case(type);
}

}  // namespace

OptionEntry read_option_entry(const TomlReader& reader, OptionEntry::Form form, std::string_view command) {
  OptionEntry option;
  option.form = form;
  option.name = reader.required_text("name");
  option.short_name = reader.text("short");
  option.group = reader.text("group");
  option.help = reader.text("help");
  option.type = reader.text("type");
  option.complete = reader.text("complete");
  option.value = reader.text("value");
  if (option.value.empty()) option.value = value_word(option.type, form);
  if (reader.flag("nullable")) option.value += "|null";
  option.default_value = reader.text("default");
  if (option.value.empty() && option.default_value == "false") option.default_value.clear();  // a switch
  option.choices = reader.texts("choices");
  option.commands = reader.texts("commands");
  for (std::string& alias : reader.texts("aliases"))
    if (alias.size() == 1)
      option.short_name = alias;
    else
      option.aliases.push_back(std::move(alias));
  option.minimum = reader.number("min");
  option.maximum = reader.number("max");
  const auto limited_for = reader.texts("limited_for");
  if (limited_for.empty() || std::find(limited_for.begin(), limited_for.end(), command) != limited_for.end()) {
    option.state = state_of(reader);
    option.accepts = reader.texts("accepts");
    option.reason = reader.text("reason");
  }
  return option;
}

std::vector<std::string> unknown_option_keys(const TomlReader& reader) {
  return reader.unknown_keys({"name", "short", "group", "help", "value", "type", "default", "choices", "min", "max",
                              "aliases", "commands", "complete", "synonyms", "state", "accepts", "limited_for",
                              "reason", "nullable"});
}

}  // namespace lmf::host
