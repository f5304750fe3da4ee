#pragma once

#include <filesystem>
#include <optional>
#include <string>

namespace lmf::host {

/// What the host takes from the process and its environment, read once at start. Nothing else of the host reads it.
struct Environment {
  std::string program_name;          ///< as called: "lmf", "llamafactory-cli"
  std::filesystem::path executable;  ///< resolved; from /proc/self/exe, never argv[0]
  std::filesystem::path share_directory;
  std::string plugin_path;               ///< LMF_PLUGIN_PATH, "" under secure execution
  std::filesystem::path user_data;       ///< empty under secure execution or without a home
  std::optional<std::string> verbosity;  ///< LLAMAFACTORY_VERBOSITY
  std::optional<std::string> pin;        ///< LMF_PLUGIN_PIN; removed from the environment, it is for this process only
  std::string rank;                      ///< RANK of a worker among several, else ""
  bool secure_execution = false;         ///< set-user-id and the like: the user's places are not trusted
};

Environment read_environment(const char* argv0);

}  // namespace lmf::host
