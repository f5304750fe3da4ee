#include "host/command_options.hpp"

#include <algorithm>

#include "base/files.hpp"
#include "base/suggest.hpp"
#include "host/option_words.hpp"
#include "host/toml_reader.hpp"

namespace lmf::host {
namespace {

constexpr std::uint64_t kTableLimitBytes = 4 * 1024 * 1024;

OptionEntry help_option() {
  OptionEntry help;
  help.name = "help";
  help.short_name = "h";
  help.type = "flag";
  help.help = "Show this help";
  return help;
}

void add_table(const std::filesystem::path& path, const std::string& command, std::vector<OptionEntry>& options) {
  try {
    const toml::table table = parse_toml(read_file(path, kTableLimitBytes), path);
    const TomlReader root(table, "", path);
    const auto form = root.flag("command_line") ? OptionEntry::Form::dashes : OptionEntry::Form::key;
    for (const TomlReader& reader : root.tables("option")) {
      OptionEntry option = read_option_entry(reader, form, command);
      const auto& commands = option.commands;
      if (commands.empty() || std::find(commands.begin(), commands.end(), command) != commands.end())
        options.push_back(std::move(option));
    }
  } catch (const TomlProblem& problem) {
    throw Error(problem.what(), "", kExitPluginUnusable);
  }
}

std::string normal(std::string_view word) {
  word.remove_prefix(std::min(word.find_first_not_of('-'), word.size()));
  std::string name(word);
  std::replace(name.begin(), name.end(), '-', '_');
  return name;
}

}  // namespace

std::vector<OptionEntry> options_of(const Claim& claim) {
  const CommandEntry& command = *claim.command;
  std::vector<OptionEntry> options = command.options;
  options.push_back(help_option());
  options.insert(options.end(), command.variables.begin(), command.variables.end());
  if (!command.option_table.empty())
    add_table(claim.plugin->manifest_path.parent_path() / command.option_table, command.name, options);
  return options;
}

std::string nearest_option(const std::vector<OptionEntry>& options, std::string_view word) {
  std::vector<std::string> candidates, shown;
  const auto add = [&](std::string_view name, std::string as) {
    candidates.push_back(normal(name));
    shown.push_back(std::move(as));
  };
  for (const OptionEntry& option : options) {
    add(option.name, option_name(option));
    for (const std::string& alias : option.aliases) add(alias, alias);
  }
  std::vector<std::string> near;
  for (const std::string& name : suggest(normal(word), candidates))
    near.push_back(
        shown[static_cast<std::size_t>(std::find(candidates.begin(), candidates.end(), name) - candidates.begin())]);
  return did_you_mean(near);
}

const OptionEntry* find_option(const std::vector<OptionEntry>& options, std::string_view word) {
  const std::string name = normal(word);
  for (const OptionEntry& option : options) {
    if (normal(option.name) == name || (word.size() == 2 && word[0] == '-' && option.short_name == word.substr(1)))
      return &option;
    for (const std::string& alias : option.aliases)
      if (normal(alias) == name) return &option;
  }
  return nullptr;
}

}  // namespace lmf::host
