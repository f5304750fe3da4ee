#include "host/completion.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "base/files.hpp"
#include "base/split.hpp"
#include "base/suggest.hpp"
#include "host/catalogue.hpp"
#include "host/command_completion.hpp"
#include "host/completion_answer.hpp"
#include "host/external_commands.hpp"
#include "host/known_commands.hpp"
#include "host/output.hpp"
#include "host/plugin_command.hpp"
#include "lmf/error.hpp"

namespace lmf::host {
namespace {

/// Words before the command, understood as far as they go: a line that is being written may be wrong.
struct Line {
  std::vector<std::string> plugin_directories;
  bool safe_mode = false;
  std::string pending;                  ///< the host's option whose value is being written, or ""
  std::optional<std::string> command;   ///< a word before the one that is being written
  std::vector<std::string_view> words;  ///< what follows the command, with the one that is being written
};

Line read_line(std::span<const char* const> words) {
  Line line;
  for (std::size_t i = 0; i < words.size(); ++i) {
    const std::string_view word = words[i];
    const bool last = i + 1 == words.size();
    if (line.command) {
      line.words.push_back(word);
    } else if (!last && (word == "--plugin-dir" || word == "--log-level")) {
      if (i + 2 == words.size())
        line.pending = word;
      else if (word == "--plugin-dir")
        line.plugin_directories.emplace_back(words[i + 1]);
      ++i;
    } else if (word.starts_with("--plugin-dir=") && !last) {
      line.plugin_directories.emplace_back(word.substr(13));
    } else if (word == "--safe-mode") {
      line.safe_mode = true;
    } else if (!last && !word.starts_with('-')) {
      line.command = word;
    }
  }
  return line;
}

void add_levels(CompletionAnswer& answer, const std::string& prefix) {
  for (const char* level : {"trace", "debug", "info", "warn", "error", "off"}) answer.add(prefix + level);
}

void complete_host_option(CompletionAnswer& answer, const Environment& environment) {
  if (answer.typed().starts_with("--log-level=")) return add_levels(answer, "--log-level=");
  if (answer.typed().starts_with("--plugin-dir=")) return answer.add_kind("folder", "--plugin-dir=", environment);
  answer.add("--plugin-dir", "Look for plugins in this folder first");
  answer.add("--safe-mode", "Without the user's own plugins and plugins.toml");
  answer.add("--log-level", "How much is said");
  answer.add("--help", "Show the help");
  answer.add("--version", "Show the version");
}

bool has_dot(const CompletionAnswer& answer) { return answer.typed().find('.') != answer.typed().npos; }

/// Commands and aliases; "vendor.command" only once a dot is typed, as nobody needs them otherwise.
void add_commands(CompletionAnswer& answer, const Catalogue& catalogue, const Environment& environment) {
  const bool qualified = has_dot(answer);
  for (const Claim& claim : catalogue.claims()) {
    const CommandEntry& command = *claim.command;
    if (qualified && claim.plugin->status == Status::ok)
      answer.add(claim.plugin->manifest.vendor + "." + command.name, command.summary);
    if (qualified || claim.status != Status::ok) continue;
    answer.add(command.name, command.summary);
    for (const std::string& alias : claim.aliases) answer.add(alias, command.summary);
  }
  for (const HostCommand& command : host_commands()) answer.add(command.name, command.summary);
  for (const ExternalCommand& external : external_commands(environment, catalogue))
    answer.add(external.name, external.path.string());
}

/// The first word after `help` that is no option; the one that is being written when there is none.
auto helped_command(const std::vector<std::string_view>& words) {
  return std::find_if(words.begin(), words.end() - 1, [](auto word) { return !word.starts_with('-'); });
}

void complete_help(CompletionAnswer& answer, const Catalogue& catalogue, const Environment& environment,
                   const std::vector<std::string_view>& words) {
  const auto command = helped_command(words);
  answer.add("--json", "For programs");
  answer.add("--man", "As a man page");
  if (command == words.end() - 1) return add_commands(answer, catalogue, environment);
  if (const Claim* claim = catalogue.find(*command)) add_option_names(answer, *claim);
}

/// "[--language c++|c|rust]" of a usage; `value` is "" of one that takes none.
struct UsageOption {
  std::string_view name, value;
};

std::vector<UsageOption> options_in(std::string_view usage) {
  std::vector<UsageOption> options;
  for (auto at = usage.find("[--"); at != usage.npos; at = usage.find("[--", at + 1)) {
    const std::string_view option = usage.substr(at + 1, usage.find(']', at) - at - 1);
    const auto end = std::min(option.find(' '), option.size());
    options.push_back({option.substr(0, end), option.substr(std::min(end + 1, option.size()))});
  }
  return options;
}

void add_usage_values(CompletionAnswer& answer, std::string_view value, const std::string& prefix,
                      const Environment& environment) {
  if (value == "FOLDER") answer.add_kind("folder", prefix, environment);
  if (value.find('|') == value.npos) return;
  for (const std::string& choice : split(value, '|')) answer.add(prefix + choice);
}

/// What may follow the first word of `lmf plugin`, as its usage shows it.
void complete_plugin_words(CompletionAnswer& answer, const Catalogue& catalogue, const PluginCommand& command,
                           const std::vector<std::string_view>& words, const Environment& environment) {
  const std::vector<UsageOption> options = options_in(command.usage);
  for (const auto& [name, value] : options) {
    if (!value.empty() && words[words.size() - 2] == name) return add_usage_values(answer, value, "", environment);
    if (const std::string prefix = std::string(name) + "="; !value.empty() && answer.typed().starts_with(prefix))
      return add_usage_values(answer, value, prefix, environment);
  }
  for (const UsageOption& option : options) answer.add(option.name);
  if (words.size() > 2 || command.usage.find("NAME") == command.usage.npos || command.name() == "new") return;
  for (const Plugin& plugin : catalogue.plugins())
    if (plugin.status != Status::shadowed)
      answer.add(has_dot(answer) ? plugin.display_name() : plugin.manifest.name, plugin.manifest.summary);
}

void complete_plugin(CompletionAnswer& answer, const Catalogue& catalogue, const std::vector<std::string_view>& words,
                     const Environment& environment) {
  for (const PluginCommand& command : plugin_commands())
    if (words.size() == 1)
      answer.add(command.name(), command.summary);
    else if (words[0] == command.name())
      complete_plugin_words(answer, catalogue, command, words, environment);
}

/// What of all plugins the answer depends on. Where a command is written, options do not matter: one whose options are
/// wrong is offered, and says so when it is called.
PluginScope asked(const Line& line, const CompletionAnswer& answer) {
  if (!line.command) return {.beginning = answer.typed(), .part = ManifestPart::names};
  if (line.command == "help") return {.beginning = *helped_command(line.words)};
  if (line.command == "plugin") return {};
  return {.beginning = *line.command};
}

const std::vector<std::string>& shells() {
  static const std::vector<std::string> shells = {"bash", "zsh", "fish"};
  return shells;
}

}  // namespace

std::string completions(const Environment& of_process, std::span<const char* const> words) {
  if (!words.empty() && std::string_view(words[0]) == "--") words = words.subspan(1);
  CompletionAnswer answer(words.empty() ? "" : words.back());
  const Line line = read_line(words);
  Environment environment = of_process;
  if (line.safe_mode) enter_safe_mode(environment);
  if (line.pending == "--log-level") {
    add_levels(answer, "");
  } else if (line.pending == "--plugin-dir") {
    answer.add_kind("folder", "", environment);
  } else if (!line.command && answer.typed().starts_with('-')) {
    complete_host_option(answer, environment);
  } else {
    const Catalogue& catalogue = make_catalogue(environment, line.plugin_directories, asked(line, answer));
    if (!line.command)
      add_commands(answer, catalogue, environment);
    else if (line.command == "help")
      complete_help(answer, catalogue, environment, line.words);
    else if (line.command == "plugin")
      complete_plugin(answer, catalogue, line.words, environment);
    else if (line.command == "completion" && line.words.size() == 1)
      for (const std::string& shell : shells()) answer.add(shell);
    else if (find_external_command(environment, catalogue, *line.command))
      answer.add_kind("file", "", environment);
    else if (const Claim* claim = catalogue.find(*line.command))
      complete_command(answer, *claim, line.words, environment);
  }
  return answer.text();
}

int print_completion_script(const Environment& environment, std::span<const char* const> words) {
  const std::string shell = words.size() == 1 ? words[0] : "";
  if (std::find(shells().begin(), shells().end(), shell) == shells().end())
    throw Error("completion: expected one of bash, zsh and fish." + did_you_mean(shell, shells()),
                fmt::format("see '{} help completion'", environment.program_name), kExitUsage);
  return print(read_file(environment.share_directory / "completions" / ("lmf." + shell), 64 * 1024));
}

}  // namespace lmf::host
