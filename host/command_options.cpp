#include "host/command_options.hpp"

#include <algorithm>
#include <iterator>

#include "base/suggest.hpp"
#include "host/option_table.hpp"
#include "host/option_words.hpp"

namespace lmf::host {
namespace {

OptionEntry help_option() {
  OptionEntry help;
  help.name = "help";
  help.short_name = "h";
  help.type = "flag";
  help.help = "Show this help";
  return help;
}

std::string normal(std::string_view word) {
  word.remove_prefix(std::min(word.find_first_not_of('-'), word.size()));
  std::string name(word);
  std::replace(name.begin(), name.end(), '-', '_');
  return name;
}

}  // namespace

std::vector<OptionEntry> manifest_options(const CommandEntry& command) {
  std::vector<OptionEntry> options = command.options;
  options.push_back(help_option());
  options.insert(options.end(), command.variables.begin(), command.variables.end());
  return options;
}

std::vector<OptionEntry> options_of(const Claim& claim) {
  std::vector<OptionEntry> options = manifest_options(*claim.command);
  std::vector<OptionEntry> table = read_option_table(*claim.plugin, *claim.command);
  options.insert(options.end(), std::make_move_iterator(table.begin()), std::make_move_iterator(table.end()));
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
