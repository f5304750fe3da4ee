#pragma once

#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace lmf::host {

/// plugins.toml, what the user decided about plugins:
///
///   [override]
///   train = "acme.trainer"        # the plugin that gets a command, whoever else claims it
///   [disable]
///   plugins = ["acme.greet"]      # as if they were not installed
struct PluginChoices {
  struct Override {
    std::string plugin;  ///< "acme.trainer"
    std::string line;    ///< "FILE:LINE", for messages
  };
  std::filesystem::path file;  ///< empty: there is no place for one
  std::map<std::string, Override> overrides;
  std::vector<std::string> disabled;  ///< "acme.greet", or "greet" of any vendor
  std::string disabled_line;          ///< "FILE:LINE"
  std::vector<std::string> notices;   ///< keys that this version does not know
  std::string problem;                ///< why nothing in the file counts: a whole sentence, or ""
  std::optional<std::string> text;    ///< the file's bytes, when it could be read

  bool disables(std::string_view vendor, std::string_view name) const;
  /// Whether the file, of which nothing counts, might have said something about one of these words.
  bool might_decide(std::initializer_list<std::string_view> words) const;
};

/// What such a text says, of which `file` is the name.
PluginChoices parse_plugin_choices(std::string text, const std::filesystem::path& file);

/// Reads at most 64 KiB; a file that is not there, or that this user may not look for, says nothing. Never throws for
/// what the file is.
PluginChoices read_plugin_choices(const std::filesystem::path& file);

}  // namespace lmf::host
