#include "host/read_plugins.hpp"

#include <algorithm>
#include <atomic>
#include <future>
#include <set>
#include <system_error>
#include <thread>

#include <sched.h>

#include "base/files.hpp"
#include "lmf/error.hpp"

namespace lmf::host {
namespace {

struct Found {
  const SearchFolder* folder;
  std::string file;
};

/// Whether a name of the manifest may begin with `beginning`. TOML has names as they are, but for escapes: where there
/// is a backslash, only parsing tells. A manifest that cannot be read has no name but its file's.
bool may_name(const Found& found, std::string_view beginning) {
  if (found.file.starts_with(beginning)) return true;
  try {
    const std::string text = read_file(found.folder->path / found.file, kManifestLimitBytes);
    return text.find(beginning) != text.npos || text.find('\\') != text.npos;
  } catch (const Error&) {
    return false;
  }
}

/// Has a command that is found by its alias alone: who gets it is decided by its name, which other manifests have, too.
bool is_found_by_alias(const Plugin& plugin, std::string_view beginning) {
  return std::any_of(plugin.manifest.commands.begin(), plugin.manifest.commands.end(), [&](const auto& command) {
    return command.name.find(beginning) == std::string::npos &&
           std::any_of(command.aliases.begin(), command.aliases.end(),
                       [&](const std::string& alias) { return alias.starts_with(beginning); });
  });
}

/// Not those of the machine: a second thread on one core only costs.
std::size_t usable_cores() {
  cpu_set_t cores;
  if (::sched_getaffinity(0, sizeof cores, &cores) == 0) return static_cast<std::size_t>(CPU_COUNT(&cores));
  return std::thread::hardware_concurrency();  // more than 1024 of them
}

/// Parsing is most of what many manifests cost: of hundreds, further threads do a part.
std::vector<Plugin> parsed(const std::vector<Found>& manifests, ManifestPart part) {
  constexpr std::size_t kWorthAThread = 64;
  std::vector<Plugin> plugins(manifests.size());
  std::atomic<std::size_t> next = 0;
  const auto parse = [&] {
    for (std::size_t at = next++; at < manifests.size(); at = next++)
      plugins[at] = read_plugin(manifests[at].folder->path / manifests[at].file, *manifests[at].folder, part);
  };
  const std::size_t most = std::min(usable_cores(), manifests.size() / kWorthAThread);
  std::vector<std::future<void>> helpers;
  try {
    while (helpers.size() + 1 < most) helpers.push_back(std::async(std::launch::async, parse));
  } catch (const std::system_error&) {  // no more threads are allowed: those that there are do it all
  }
  parse();
  for (std::future<void>& helper : helpers) helper.get();
  return plugins;
}

std::vector<Plugin> examined(const std::vector<Found>& manifests, ManifestPart part) {
  std::vector<Plugin> plugins = parsed(manifests, part);
  TrustedPlaces places;
  for (Plugin& plugin : plugins) examine(plugin, places);
  return plugins;
}

}  // namespace

std::vector<Plugin> read_plugins(const std::vector<SearchFolder>& folders, const PluginScope& scope,
                                 std::vector<std::string>& notices) {
  std::vector<Found> all;
  for (const SearchFolder& folder : folders)
    for (std::string& file : manifests_in(folder, notices)) all.push_back({&folder, std::move(file)});
  const std::string_view beginning = scope.beginning;
  if (beginning.empty()) return examined(all, scope.part);

  // A plugin can be hidden by one whose manifest has the same file name, whatever that says.
  std::set<std::string_view> files;
  for (const Found& found : all)
    if (!files.contains(found.file) && may_name(found, beginning)) files.insert(found.file);
  std::vector<Found> chosen;
  std::copy_if(all.begin(), all.end(), std::back_inserter(chosen),
               [&](const Found& found) { return files.contains(found.file); });
  std::vector<Plugin> plugins = examined(chosen, scope.part);
  const bool needs_others = std::any_of(plugins.begin(), plugins.end(),
                                        [&](const Plugin& plugin) { return is_found_by_alias(plugin, beginning); });
  return needs_others ? examined(all, scope.part) : plugins;
}

}  // namespace lmf::host
