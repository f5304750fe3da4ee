#include "host/command_completion.hpp"

#include <algorithm>

#include "base/split.hpp"
#include "host/command_options.hpp"
#include "host/option_words.hpp"
#include "lmf/error.hpp"

namespace lmf::host {
namespace {

using Form = OptionEntry::Form;
using State = OptionEntry::State;

/// Choices that the description lists, or that "static|c10d" shows in place of the value.
std::vector<std::string> values_of(const OptionEntry& option) {
  if (!option.allowed().empty()) return option.allowed();
  std::vector<std::string> values;
  if (option.value.find('|') == option.value.npos) return values;
  for (const std::string& part : split(option.value, '|'))
    if (!part.empty() && part[0] >= 'a' && part[0] <= 'z') values.push_back(part);
  return values;
}

void add_values(CompletionAnswer& answer, const OptionEntry& option, std::string prefix,
                const Environment& environment) {
  if (option.type == "list") {  // the last of several
    const auto comma = answer.typed().rfind(',');
    if (comma != answer.typed().npos && comma >= prefix.size()) prefix = answer.typed().substr(0, comma + 1);
  }
  for (const std::string& value : values_of(option)) answer.add(prefix + value);
  const bool names_file = option.type == "path" || option.value == "FILE" || option.value == "PATH";
  if (!option.complete.empty())
    answer.add_kind(option.complete, prefix, environment);
  else if (names_file || option.type == "list" || option.type == "json")
    answer.add_kind("file", prefix, environment);
  else if (option.value == "DIR")
    answer.add_kind("folder", prefix, environment);
}

/// `--name`; written with dashes inside when that is how the user began.
void add_dashed(CompletionAnswer& answer, const std::vector<OptionEntry>& options) {
  const auto typed = answer.typed();
  const bool dashes = typed.size() > 2 && typed.find('-', 2) != typed.npos && typed.find('_') == typed.npos;
  for (const OptionEntry& option : options) {
    if (option.form == Form::variable || option.state != State::supported) continue;
    std::string name = option.name;
    if (dashes) std::replace(name.begin(), name.end(), '_', '-');
    answer.add("--" + name, option.help);
    if (typed == "-" && !option.short_name.empty()) answer.add("-" + option.short_name, option.help);
  }
}

void add_keys(CompletionAnswer& answer, const std::vector<OptionEntry>& options) {
  for (const OptionEntry& option : options)
    if (option.form == Form::key && option.state == State::supported) answer.add(option.name + "=", option.help);
}

/// Of a command whose table cannot be read, what is known without it: on a line that is being written nothing can be
/// said about that.
std::vector<OptionEntry> known_options(const Claim& claim) {
  try {
    return options_of(claim);
  } catch (const Error&) {
    return manifest_options(*claim.command);
  }
}

}  // namespace

void complete_command(CompletionAnswer& answer, const Claim& claim, const std::vector<std::string_view>& words,
                      const Environment& environment) {
  const CommandEntry& command = *claim.command;
  const std::string_view typed = answer.typed();
  const std::vector<OptionEntry> options = known_options(claim);
  bool has_word = false;  // one that is neither an option nor an option's value
  const OptionEntry* waiting = nullptr;
  for (std::size_t i = 0; i + 1 < words.size(); ++i) {
    const bool is_value = waiting != nullptr;
    waiting = nullptr;
    if (is_value) continue;
    if (!words[i].starts_with('-')) {
      has_word = true;
      if (command.runs_program) return answer.add_kind("file", "", environment);  // words of that program
    } else if (words[i].find('=') == words[i].npos) {
      const OptionEntry* option = find_option(options, words[i]);
      if (option && !option->value.empty()) waiting = option;
    }
  }
  if (waiting) {
    add_values(answer, *waiting, "", environment);
    if (waiting->type != "flag") return;  // its value may be left out
  }
  if (const auto equals = typed.find('='); equals != typed.npos) {
    const OptionEntry* option = find_option(options, typed.substr(0, equals));
    if (option) add_values(answer, *option, std::string(typed.substr(0, equals + 1)), environment);
    return;
  }
  if (typed.starts_with('-')) return add_dashed(answer, options);
  if (has_word || !typed.empty() || command.complete.empty()) add_keys(answer, options);
  answer.add_kind(command.complete, "", environment);
}

void add_option_names(CompletionAnswer& answer, const Claim& claim) {
  for (const OptionEntry& option : known_options(claim))
    answer.add(answer.typed().starts_with('-') ? option_name(option) : option.name, option.help);
}

}  // namespace lmf::host
