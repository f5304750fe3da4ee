// `lmf help train lora_rank`: all that is known of one option.
#include <fmt/format.h>

#include "host/command_line_help.hpp"
#include "host/option_words.hpp"

namespace lmf::host {
namespace {

using Form = OptionEntry::Form;
using State = OptionEntry::State;

std::string how_to_set(const OptionEntry& option, const Claim& claim, const std::string& program) {
  const std::string& command = claim.command->name;
  const std::string value = option.value.empty() ? "" : "VALUE";
  switch (option.form) {
    case Form::variable:
      return fmt::format("{}={} {} {} ...", option.name, value, program, command);
    case Form::key:
      return fmt::format("'{0}: {1}' in the configuration file; {0}={1} or --{0} {1} on the command line", option.name,
                         value);
    case Form::dashes:
      break;
  }
  return fmt::format("{} {} {}", program, command, option_word(option));
}

void add_state(const OptionEntry& option, Rows& rows) {
  const std::string because = option.reason.empty() ? "" : ": " + option.reason;
  if (option.state == State::refused) {
    rows.emplace_back("Status", "not in this version, refused when set" + because);
    if (!option.accepts.empty()) rows.emplace_back("Accepted", joined(option.accepts));
  } else if (option.state == State::noted) {
    rows.emplace_back("Status", "accepted without effect" + because);
  } else if (!option.accepts.empty()) {
    rows.emplace_back("Status",
                      fmt::format("supported: {}; other values are refused{}", joined(option.accepts), because));
  } else {
    rows.emplace_back("Status", "supported");
  }
}

}  // namespace

std::string option_help(const OptionEntry& option, const Claim& claim, const std::string& program, const Style& style) {
  Rows rows = {{"Type", type_words(option)}};
  if (!option.value.empty()) rows.emplace_back("Default", option.default_value.empty() ? "none" : option.default_value);
  if (!option.choices.empty()) rows.emplace_back("Values", joined(option.choices));
  if (!option.aliases.empty()) rows.emplace_back("Also", joined(option.aliases));
  rows.emplace_back("Group", option_heading(option));
  add_state(option, rows);
  rows.emplace_back("To set it", how_to_set(option, claim, program));
  const std::string name = option_name(option);
  const std::string title =
      wrapped(fmt::format("{}, an option of {} {}", name, program, claim.command->name), style.width, 0);
  return fmt::format("{}{}\n\n{}\n\n{}", style.heading(name), title.substr(name.size()),
                     wrapped(option.help, style.width, 0), two_columns(rows, style));
}

}  // namespace lmf::host
