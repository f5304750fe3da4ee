#include "host/option_words.hpp"

#include <fmt/format.h>

#include "host/text_layout.hpp"

namespace lmf::host {
namespace {

using Form = OptionEntry::Form;

/// Few and short choices stand for the value themselves.
bool choices_are_value(const OptionEntry& option) {
  constexpr std::size_t kMost = 20;
  return !option.allowed().empty() && joined(option.allowed(), "|").size() <= kMost;
}

std::string number(double value) { return fmt::format("{:.15g}", value); }

std::string range_words(const OptionEntry& option) {
  if (option.minimum && option.maximum)
    return fmt::format(", {} to {}", number(*option.minimum), number(*option.maximum));
  if (option.minimum) return fmt::format(", at least {}", number(*option.minimum));
  if (option.maximum) return fmt::format(", at most {}", number(*option.maximum));
  return {};
}

}  // namespace

std::string option_name(const OptionEntry& option) {
  return option.form == Form::dashes ? "--" + option.name : option.name;
}

std::string option_word(const OptionEntry& option) {
  const bool dashes = option.form == Form::dashes;
  std::string word = dashes && !option.short_name.empty() ? "-" + option.short_name + ", " : "";
  word += option_name(option);
  const std::string value = choices_are_value(option) ? joined(option.allowed(), "|") : option.value;
  return value.empty() ? word : word + (dashes ? " " : "=") + value;
}

std::string option_explanation(const OptionEntry& option) {
  std::string text = option.help;
  if (!option.allowed().empty() && !choices_are_value(option))
    text += fmt::format(" One of: {}.", joined(option.allowed()));
  if (!option.default_value.empty()) text += fmt::format(" Default: {}.", option.default_value);
  return text;
}

std::string type_words(const OptionEntry& option) {
  if (option.value.empty()) return "switch, without a value";
  if (option.type.empty()) return option.value;
  if (option.type == "flag") return "flag: true or false";
  if (option.type == "list") return "list: values separated by commas";
  return option.type + range_words(option);
}

std::string option_heading(const OptionEntry& option) {
  if (option.form == Form::variable) return option.group.empty() ? "Variables of the environment" : option.group;
  return option.group.empty() ? "Options" : option.group;
}

}  // namespace lmf::host
