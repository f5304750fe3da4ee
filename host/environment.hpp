#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace lmf::host {

inline constexpr const char* kPluginFolderName = "plugins-1";  ///< the ABI's major number

/// What the host takes from the process and its environment, read once at start. Nothing else of the host reads it.
struct Environment {
  std::string program_name;          ///< as called: "lmf", "llamafactory-cli"
  std::filesystem::path executable;  ///< resolved; the kernel's word, never argv[0]
  std::filesystem::path share_directory;
  std::string plugin_path;                           ///< LMF_PLUGIN_PATH, "" in safe mode
  std::filesystem::path user_data;                   ///< empty in safe mode or without a home
  std::filesystem::path choices;                     ///< the user's plugins.toml; empty in safe mode or without a home
  std::string program_path;                          ///< PATH
  std::optional<std::string> plugin_allow;           ///< LMF_PLUGIN_ALLOW; empty is not the same as none
  std::vector<std::filesystem::path> local_folders;  ///< /usr/local's, then
  std::filesystem::path system_folder;               ///< the one that lmf was configured with
  std::optional<std::string> verbosity;              ///< LLAMAFACTORY_VERBOSITY
  std::optional<std::string> pin;  ///< LMF_PLUGIN_PIN; removed from the environment, it is for this process only
  std::string columns;             ///< COLUMNS, the width for text
  bool allows_colour = false;      ///< neither NO_COLOR nor TERM forbids it
  std::string rank;                ///< RANK of a worker among several, else ""
  bool safe_mode = false;          ///< the user's own places and choices do not count
};

/// Under secure execution (set-user-id and the like) and with LMF_SAFE_MODE=1 already in safe mode.
Environment read_environment(const char* argv0);

/// --safe-mode, for this process and what it starts.
void enter_safe_mode(Environment& environment);

}  // namespace lmf::host
