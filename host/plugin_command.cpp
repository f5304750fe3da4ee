#include "host/plugin_command.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "base/printable.hpp"
#include "base/suggest.hpp"
#include "host/arguments.hpp"
#include "host/command_line_help.hpp"
#include "host/output.hpp"
#include "host/plugin_doctor.hpp"
#include "host/plugin_info.hpp"
#include "host/plugin_list.hpp"
#include "host/plugin_new.hpp"
#include "host/plugin_switch.hpp"
#include "lmf/error.hpp"

namespace lmf::host {
namespace {

constexpr PluginCommand kCommands[] = {
    {"list [--json]", "Every plugin, whether it can be used, and why not; exit status 1 when something is wrong",
     list_plugins},
    {"info NAME [--json]", "All about one plugin; exit status 1 when it cannot be used", inform_of_plugin},
    {"doctor [NAME] [--json] [--timeout SECONDS]",
     "Load each plugin in a process of its own, for 10 s at most, and say what is wrong; exit status 1 when something "
     "is",
     examine_plugins},
    {"disable NAME", "Switch a plugin off, in your plugins.toml", disable_plugin},
    {"enable NAME", "Switch it on again", enable_plugin},
    {"new NAME [--language c++|c|rust] [--vendor VENDOR] [--directory FOLDER]",
     "Write a project that builds a plugin with a command NAME and tests it", new_plugin},
};

Error usage_error(const std::string& text) { return Error("plugin" + text, "see 'lmf help plugin'", kExitUsage); }

std::vector<std::string> names() {
  std::vector<std::string> names;
  for (const PluginCommand& command : kCommands) names.emplace_back(command.name());
  return names;
}

}  // namespace

std::span<const PluginCommand> plugin_commands() { return kCommands; }

int run_plugin_command(const Catalogue& catalogue, const Environment& environment, std::span<const char* const> words) {
  const std::vector<std::string> known = names();
  if (words.empty()) throw usage_error(fmt::format(": expected a word: {}", fmt::join(known, ", ")));
  if (std::any_of(words.begin(), words.end(), is_help_option))
    return print(plugin_help(environment.program_name, output_style(environment)));
  const std::string_view word = words[0];
  const auto found = std::find(known.begin(), known.end(), word);
  if (found == known.end())
    throw usage_error(
        fmt::format(": '{}' is none of {}.{}", shortened(word), fmt::join(known, ", "), did_you_mean(word, known)));
  return kCommands[found - known.begin()].run({catalogue, environment, word, words.subspan(1)});
}

PluginWords read_plugin_words(const PluginCall& call, const std::vector<std::string>& options, std::size_t most_names) {
  PluginWords result;
  for (std::size_t next = 0; next < call.words.size(); ++next) {
    const std::string word = call.words[next];
    if (!word.starts_with('-')) {
      if (result.names.size() == most_names)
        throw usage_error(fmt::format(" {}: '{}' is one word too many", call.name, shortened(word)));
      result.names.push_back(word);
      continue;
    }
    const std::string option = word.substr(0, word.find('='));
    if (std::find(options.begin(), options.end(), word) != options.end() && option == word) {
      result.options[word];
    } else if (std::find(options.begin(), options.end(), option + "=") != options.end()) {
      if (option.size() == word.size() && next + 1 == call.words.size())
        throw usage_error(fmt::format(" {}: {} needs a value", call.name, option));
      result.options[option] = option.size() < word.size() ? word.substr(option.size() + 1) : call.words[++next];
    } else {
      std::vector<std::string> known;
      for (const std::string& one : options) known.push_back(one.substr(0, one.find('=')));
      throw usage_error(
          fmt::format(" {}: '{}' is not an option.{}", call.name, shortened(word), did_you_mean(option, known)));
    }
  }
  return result;
}

}  // namespace lmf::host
