#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "host/plugin_command.hpp"

namespace lmf::host {

/// What `lmf plugin new` was asked for, checked.
struct NewPlugin {
  std::string name, vendor = "local", language = "c++";
  std::filesystem::path directory;  ///< to be made; its parent is there, and nothing of its name
};

/// For read_plugin_words().
inline const std::vector<std::string> kNewPluginOptions = {"--language=", "--vendor=", "--directory="};

/// Throws Error (exit 2) for what cannot be a plugin's name, a name that is reserved, or a directory that exists.
NewPlugin checked_new_plugin(const PluginWords& words);

/// Writes the project from share/template, whole or not at all. Throws Error when the templates are not installed or
/// the disk says no.
void write_project(const NewPlugin& plugin, const std::filesystem::path& share_directory);

/// `lmf plugin new`: both, and what to do next on standard output. The exit status.
int new_plugin(const PluginCall& call);

}  // namespace lmf::host
