#include "host/catalogue.hpp"

#include <algorithm>
#include <system_error>

#include <fmt/format.h>

#include "base/trust.hpp"
#include "host/known_commands.hpp"
#include "lmf/abi.h"

namespace lmf::host {
namespace {

void refuse(Plugin& plugin, Status status, std::string reason) {
  plugin.status = status;
  plugin.reason = std::move(reason);
}

void check_abi(Plugin& plugin) {
  const Manifest& manifest = plugin.manifest;
  if (manifest.abi_major == LMF_ABI_MAJOR && manifest.abi_minor <= LMF_ABI_MINOR) return;
  refuse(plugin, Status::abi,
         fmt::format("{} needs plugin ABI {}.{}; this lmf {} offers {}.{}. Rebuild it or install another lmf.",
                     plugin.manifest_path.string(), manifest.abi_major, manifest.abi_minor, LMF_VERSION, LMF_ABI_MAJOR,
                     LMF_ABI_MINOR));
}

void find_library(Plugin& plugin) {
  const auto named = plugin.folder.path / plugin.manifest.library;
  std::error_code failed;
  const auto resolved = std::filesystem::canonical(named, failed);
  if (failed || !std::filesystem::is_regular_file(resolved, failed)) {
    std::string reason =
        fmt::format("{} names the library {}, which is not there.", plugin.manifest_path.string(), named.string());
    if (!plugin.manifest.package.empty())
      reason += fmt::format(" Install the package '{}' again.", plugin.manifest.package);
    refuse(plugin, Status::library_missing, std::move(reason));
    return;
  }
  plugin.library = resolved;
}

/// The library, and every file of the folders that it brings along for libraries of its own.
void check_trust(Plugin& plugin) {
  auto reason = why_unsafe(plugin.library, plugin.folder.further_owner);
  for (const std::string& library : plugin.manifest.libraries)
    if (!reason && library.find('/') != std::string::npos)
      reason = why_unsafe_folder((plugin.folder.path / library).parent_path(), plugin.folder.further_owner);
  if (reason) refuse(plugin, Status::unsafe, std::move(*reason));
}

Plugin examine(const std::filesystem::path& path, const SearchFolder& folder) {
  Plugin plugin;
  plugin.manifest_path = path;
  plugin.folder = folder;
  ManifestProblem problem;
  if (auto manifest = read_manifest(path, problem)) {
    plugin.manifest = std::move(*manifest);
  } else {
    const std::string file = path.filename().string();
    plugin.manifest.name = file.substr(0, file.size() - std::string_view(kManifestSuffix).size());
    refuse(plugin, problem.status, std::move(problem.reason));
    return plugin;
  }
  check_abi(plugin);
  if (plugin.status == Status::ok) find_library(plugin);
  if (plugin.status == Status::ok) check_trust(plugin);
  return plugin;
}

/// Commands that belong to lmf: `plugin` may take `name` only when it says it is lmf's and lies in a place that is not
/// the user's own data folder, where anything can be dropped unnoticed.
bool may_claim(const Plugin& plugin, const std::string& name) {
  if (is_host_command(name)) return false;
  if (!is_first_party_command(name)) return true;
  return plugin.manifest.vendor == "lmf" && plugin.folder.place != Place::user;
}

bool answers_to(const CommandEntry& command, std::string_view word) {
  return command.name == word ||
         std::find(command.aliases.begin(), command.aliases.end(), word) != command.aliases.end();
}

}  // namespace

std::string Plugin::display_name() const { return manifest.vendor.empty() ? manifest.name : manifest.qualified_name(); }

Catalogue::Catalogue(std::vector<SearchFolder> folders, std::vector<std::string> notices)
    : folders_(std::move(folders)), notices_(std::move(notices)) {
  for (const SearchFolder& folder : folders_) read_folder(folder);
  mark_shadowed_plugins();
  collect_claims();
  settle_claims();
}

void Catalogue::read_folder(const SearchFolder& folder) {
  for (const auto& path : manifests_in(folder, notices_)) plugins_.push_back(examine(path, folder));
}

/// The first of a name wins also when it is broken: falling back would hide the fault, and let ranks run different
/// code.
void Catalogue::mark_shadowed_plugins() {
  for (auto plugin = plugins_.begin(); plugin != plugins_.end(); ++plugin) {
    const auto winner = std::find_if(plugins_.begin(), plugin, [&](const Plugin& earlier) {
      return earlier.display_name() == plugin->display_name();
    });
    if (winner == plugin) continue;
    refuse(*plugin, Status::shadowed,
           fmt::format("{} is hidden by {}, which is found first ({}).", plugin->manifest_path.string(),
                       winner->manifest_path.string(), description(winner->folder.place)));
  }
}

void Catalogue::collect_claims() {
  for (const Plugin& plugin : plugins_)
    for (const CommandEntry& command : plugin.manifest.commands) {
      Claim claim{&plugin, &command, plugin.status, plugin.reason};
      if (!may_claim(plugin, command.name)) {
        claim.status = Status::reserved;
        claim.reason = fmt::format("{} claims the command '{}', which is reserved for lmf.",
                                   plugin.manifest_path.string(), command.name);
      }
      claims_.push_back(std::move(claim));
    }
}

void Catalogue::settle_claims() {
  for (auto later = claims_.begin(); later != claims_.end(); ++later)
    for (auto earlier = claims_.begin(); earlier != later; ++earlier) {
      if (earlier->command->name != later->command->name || earlier->plugin == later->plugin) continue;
      const auto out_of_play = [](const Claim& claim) {
        return claim.status == Status::reserved || claim.status == Status::shadowed;
      };
      if (out_of_play(*earlier) || out_of_play(*later)) continue;
      if (earlier->plugin->folder.path == later->plugin->folder.path) {
        const std::string reason =
            fmt::format("'{}' is claimed by {} and {}. Say which: {}.{} or {}.{}.", later->command->name,
                        earlier->plugin->manifest_path.string(), later->plugin->manifest_path.string(),
                        earlier->plugin->manifest.vendor, later->command->name, later->plugin->manifest.vendor,
                        later->command->name);
        earlier->status = later->status = Status::conflict;
        earlier->reason = later->reason = reason;
      } else {
        later->status = Status::shadowed;
        later->reason = fmt::format("'{}' of {} is hidden by {}.", later->command->name,
                                    later->plugin->manifest_path.string(), earlier->plugin->manifest_path.string());
      }
    }
}

const Claim* Catalogue::find(std::string_view word) const {
  if (const auto dot = word.find('.'); dot != std::string_view::npos) {
    const auto vendor = word.substr(0, dot), name = word.substr(dot + 1);
    for (const Claim& claim : claims_)
      if (claim.plugin->status != Status::shadowed && claim.plugin->manifest.vendor == vendor &&
          answers_to(*claim.command, name))
        return &claim;
    return nullptr;
  }
  const Claim* reserved = nullptr;
  const auto search = [&](const auto& matches) -> const Claim* {
    for (const Claim& claim : claims_) {
      if (!matches(*claim.command) || claim.status == Status::shadowed) continue;
      if (claim.status != Status::reserved) return &claim;
      if (reserved == nullptr) reserved = &claim;
    }
    return nullptr;
  };
  if (const Claim* claim = search([&](const CommandEntry& command) { return command.name == word; })) return claim;
  if (is_host_command(word) || is_first_party_command(word)) return reserved;
  if (const Claim* claim = search([&](const CommandEntry& command) { return answers_to(command, word); })) return claim;
  return reserved;
}

const Plugin* Catalogue::find_unreadable(std::string_view word) const {
  for (const Plugin& plugin : plugins_)
    if ((plugin.status == Status::manifest || plugin.status == Status::schema) && plugin.manifest.name == word)
      return &plugin;
  return nullptr;
}

std::vector<std::string> Catalogue::words() const {
  std::vector<std::string> words;
  for (const Claim& claim : claims_) {
    if (claim.status == Status::reserved || claim.status == Status::shadowed) continue;
    words.push_back(claim.command->name);
    words.insert(words.end(), claim.command->aliases.begin(), claim.command->aliases.end());
  }
  return words;
}

}  // namespace lmf::host
