#pragma once

#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "host/catalogue.hpp"
#include "host/environment.hpp"

namespace lmf::host {

/// One call of `lmf plugin WORD ...`.
struct PluginCall {
  const Catalogue& catalogue;
  const Environment& environment;
  std::string_view name;               ///< the word: "list"
  std::span<const char* const> words;  ///< those after it
};

/// What `lmf plugin` can do: a row of the table in plugin_command.cpp. `run` returns the exit status.
struct PluginCommand {
  std::string_view usage, summary;  ///< the usage begins with the word: "list [--json]"
  int (*run)(const PluginCall& call);

  std::string_view name() const { return usage.substr(0, usage.find(' ')); }
};
std::span<const PluginCommand> plugin_commands();

/// Runs the row of the first word. Throws Error (exit 2, with a suggestion) when there is none.
int run_plugin_command(const Catalogue& catalogue, const Environment& environment, std::span<const char* const> words);

/// A call's words apart: names, and options with their values ("" for those that take none).
struct PluginWords {
  std::vector<std::string> names;
  std::map<std::string, std::string> options;
};
/// `options` lists what the call knows: "--json", or "--timeout=" for one with a value. Throws Error (exit 2) for
/// another option, a missing value and more than `most_names` names.
PluginWords read_plugin_words(const PluginCall& call, const std::vector<std::string>& options, std::size_t most_names);

}  // namespace lmf::host
