#include "host/plugin.hpp"

#include <system_error>

#include <sys/stat.h>

#include <fmt/format.h>

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

/// Leaves in `status` what lstat(2) says of the library.
void find_library(Plugin& plugin, struct stat& status) {
  const auto named = plugin.folder.path / plugin.manifest.library;
  if (::lstat(named.c_str(), &status) == 0 && S_ISREG(status.st_mode)) {
    plugin.library = named;  // the folder is resolved, so this is, too
    return;
  }
  std::error_code failed;
  const auto resolved = std::filesystem::canonical(named, failed);
  if (failed || ::lstat(resolved.c_str(), &status) != 0 || !S_ISREG(status.st_mode)) {
    refuse(plugin, Status::library_missing,
           fmt::format("{} names the library {}, which is not there.{}", plugin.manifest_path.string(), named.string(),
                       plugin.install_again()));
    return;
  }
  plugin.library = resolved;
}

/// The folder, the manifest (it sets variables, too), the library, and every file of the folders that it brings along
/// for libraries of its own.
std::optional<std::string> why_plugin_unsafe(const Plugin& plugin, const struct stat& library, TrustedPlaces& places) {
  const auto owner = plugin.folder.further_owner;
  if (auto reason = places.why_unsafe_place(plugin.folder.path, owner)) return reason;
  const auto& manifest = plugin.manifest.status;
  if (auto reason = manifest ? places.why_unsafe(plugin.manifest_path, *manifest, owner)
                             : places.why_unsafe(plugin.manifest_path, owner))
    return reason;
  if (auto reason = places.why_unsafe(plugin.library, library, owner)) return reason;
  for (const std::string& needed : plugin.manifest.libraries)
    if (needed.find('/') != std::string::npos)
      if (auto reason = places.why_unsafe_folder((plugin.folder.path / needed).parent_path(), owner)) return reason;
  return std::nullopt;
}

}  // namespace

std::string Plugin::display_name() const { return manifest.vendor.empty() ? manifest.name : manifest.qualified_name(); }

std::string Plugin::install_again() const {
  if (manifest.package.empty()) return " Build or install the plugin again.";
  return fmt::format(" Install the package '{}' again.", manifest.package);
}

std::string Plugin::install_missing(std::string_view libraries) const {
  if (!libraries.starts_with("libtorch") && !libraries.starts_with("libc10")) return install_again();
  return " Install libtorch (of lmf's packages: lmf-torch), or add its folder to LD_LIBRARY_PATH.";
}

Plugin read_plugin(std::filesystem::path manifest_path, const SearchFolder& folder, ManifestPart part) {
  Plugin plugin;
  plugin.manifest_path = std::move(manifest_path);
  plugin.folder = folder;
  ManifestProblem problem;
  if (auto manifest = read_manifest(plugin.manifest_path, problem, part)) {
    plugin.manifest = std::move(*manifest);
    return plugin;
  }
  const std::string file = plugin.manifest_path.filename().string();
  plugin.manifest.name = file.substr(0, file.size() - std::string_view(kManifestSuffix).size());
  refuse(plugin, problem.status, std::move(problem.reason));
  return plugin;
}

void examine(Plugin& plugin, TrustedPlaces& places) {
  if (plugin.status == Status::ok) check_abi(plugin);
  struct stat library;
  if (plugin.status == Status::ok) find_library(plugin, library);
  if (plugin.status != Status::ok) return;
  if (auto reason = why_plugin_unsafe(plugin, library, places)) refuse(plugin, Status::unsafe, std::move(*reason));
}

}  // namespace lmf::host
