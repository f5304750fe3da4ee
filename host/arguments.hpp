#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace lmf::host {

/// `lmf [host options] [command] [the command's own words]`, taken apart.
struct Arguments {
  std::vector<std::string> plugin_directories;  ///< --plugin-dir, as given
  std::optional<std::string> log_level;         ///< --log-level
  bool safe_mode = false;                       ///< --safe-mode
  bool help = false, version = false;           ///< -h, --help; -V, --version
  std::optional<std::string> command;
  std::vector<const char*> rest;  ///< the words after the command, untouched
};

/// "-h" and "--help", before a command and after it.
bool is_help_option(std::string_view word);

/// Throws Error (exit 2, with a suggestion) for an unknown option or one without its value. `argv` without argv[0].
Arguments read_arguments(std::span<const char* const> argv);

}  // namespace lmf::host
