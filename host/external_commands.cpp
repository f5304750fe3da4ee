#include "host/external_commands.hpp"

#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <map>
#include <set>

#include <sys/stat.h>
#include <unistd.h>

#include <fmt/format.h>

#include "base/split.hpp"
#include "host/file_names.hpp"
#include "host/known_commands.hpp"
#include "lmf/error.hpp"

namespace lmf::host {
namespace {

constexpr std::string_view kPrefix = "lmf-";

/// The folders of PATH that count, in order, each once: often /bin is /usr/bin, and has thousands of files.
std::vector<std::filesystem::path> folders(const Environment& environment) {
  std::vector<std::filesystem::path> result;
  if (environment.safe_mode || environment.plugin_allow) return result;
  std::set<std::pair<dev_t, ino_t>> known;
  struct stat status;
  for (const std::string& folder : split(environment.program_path, ':'))
    if (folder.starts_with('/') && ::stat(folder.c_str(), &status) == 0 &&
        known.emplace(status.st_dev, status.st_ino).second)
      result.emplace_back(folder);
  return result;
}

bool is_file(const std::filesystem::path& path) {
  struct stat status;
  return ::stat(path.c_str(), &status) == 0 && S_ISREG(status.st_mode);
}

bool is_program(const std::filesystem::path& path) { return is_file(path) && ::access(path.c_str(), X_OK) == 0; }

/// "hello" for each lmf-hello.
std::vector<std::string> names_in(const std::filesystem::path& folder) {
  int ignored = 0;  // a folder of PATH that is not there, or not ours to list
  std::vector<std::string> names = file_names(folder, kPrefix, "", ignored);
  for (std::string& name : names) name.erase(0, kPrefix.size());
  std::erase_if(names, [](const std::string& name) { return !is_name(name); });
  return names;
}

std::string who_has(const std::string& name, const Catalogue& catalogue) {
  if (is_host_command(name)) return "lmf's own command";
  if (const Claim* claim = catalogue.find(name); claim && !claim->plugin->is_unreadable())
    return "the command of " + claim->plugin->display_name();
  if (const Plugin* plugin = catalogue.find_unreadable(name)) return plugin->manifest_path.string();
  if (catalogue.why_unmet(name) != nullptr) return catalogue.choices().file.string();
  return is_first_party_command(name) ? "a name that is kept for lmf's own plugins" : "";
}

}  // namespace

std::vector<ExternalCommand> all_external_commands(const Environment& environment, const Catalogue& catalogue) {
  std::map<std::string, ExternalCommand> found;
  for (const auto& folder : folders(environment))
    for (std::string& name : names_in(folder)) {
      auto path = folder / (std::string(kPrefix) + name);
      if (!found.contains(name) && is_program(path)) found[name] = {name, std::move(path), who_has(name, catalogue)};
    }
  std::vector<ExternalCommand> commands;
  for (auto& [name, command] : found) commands.push_back(std::move(command));
  return commands;
}

std::vector<ExternalCommand> external_commands(const Environment& environment, const Catalogue& catalogue) {
  std::vector<ExternalCommand> commands = all_external_commands(environment, catalogue);
  std::erase_if(commands, [](const ExternalCommand& command) { return !command.hidden_by.empty(); });
  return commands;
}

std::optional<ExternalCommand> find_external_command(const Environment& environment, const Catalogue& catalogue,
                                                     std::string_view word) {
  const std::string name(word);
  if (!is_name(name) || !who_has(name, catalogue).empty()) return std::nullopt;
  for (const auto& folder : folders(environment))
    if (const auto path = folder / (std::string(kPrefix) + name); is_program(path)) return {{name, path, {}}};
  return std::nullopt;
}

std::optional<std::filesystem::path> find_unexecutable(const Environment& environment, std::string_view word) {
  if (!is_name(word)) return std::nullopt;
  for (const auto& folder : folders(environment))
    if (auto path = folder / fmt::format("{}{}", kPrefix, word); is_file(path)) return path;
  return std::nullopt;
}

void run_external_command(const ExternalCommand& command, const Environment& environment,
                          std::span<const char* const> words) {
  std::vector<const char*> argv = {command.path.c_str()};
  argv.insert(argv.end(), words.begin(), words.end());
  argv.push_back(nullptr);
  ::setenv("LMF", environment.executable.c_str(), /*overwrite=*/1);
  std::signal(SIGXFSZ, SIG_DFL);  // what is ignored here would stay ignored there
  ::execv(command.path.c_str(), const_cast<char* const*>(argv.data()));
  const int error_number = errno;
  throw Error(fmt::format("cannot run {}: {}", command.path.string(), std::strerror(error_number)),
              error_number == ENOENT    ? "the interpreter of its first line, or its loader, is not there"
              : error_number == ENOEXEC ? "a script's first line names its interpreter, as #!/bin/sh"
                                        : "",
              kExitPluginUnusable);
}

}  // namespace lmf::host
