#include "host/plugin.hpp"

#include <system_error>

#include <sys/stat.h>

#include <fmt/format.h>

#include "base/file_kind.hpp"
#include "base/library_file.hpp"
#include "host/option_table.hpp"
#include "lmf/abi.h"
#include "lmf/error.hpp"

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
           fmt::format("{} names the library {}, which {}.{}", plugin.manifest_path.string(), named.string(),
                       why_no_file(named).value_or("is not there"), plugin.install_again()));
    return;
  }
  plugin.library = resolved;
}

/// Of the libraries that came with the plugin; nothing for one that is not there: the system may have it.
std::optional<std::string> why_private_library_unsafe(const Plugin& plugin, TrustedPlaces& places) {
  const auto owner = plugin.folder.further_owner;
  for (const auto& library : plugin.private_libraries()) {
    std::error_code no_folder;
    const auto folder = std::filesystem::canonical(library.parent_path(), no_folder);
    if (no_folder) continue;
    if (auto reason = places.why_unsafe_place(folder, owner)) return reason;
    for (const auto& loaded : libraries_installed_with(library))
      if (auto reason = places.why_unsafe(loaded, owner)) return reason;
  }
  return std::nullopt;
}

/// The folder, the manifest and the tables of options (they say what is run, too), the library, and the libraries that
/// came with it.
std::optional<std::string> why_plugin_unsafe(const Plugin& plugin, const struct stat& library, TrustedPlaces& places) {
  const auto owner = plugin.folder.further_owner;
  if (auto reason = places.why_unsafe_place(plugin.folder.path, owner)) return reason;
  const auto& manifest = plugin.manifest.file_status;
  if (auto reason = manifest ? places.why_unsafe(plugin.manifest_path, *manifest, owner)
                             : places.why_unsafe(plugin.manifest_path, owner))
    return reason;
  if (auto reason = places.why_unsafe(plugin.library, library, owner)) return reason;
  for (const CommandEntry& command : plugin.manifest.commands)
    if (!command.option_table.empty() && !why_no_option_table(plugin, command))
      if (auto reason = places.why_unsafe(option_table_path(plugin, command), owner)) return reason;
  return why_private_library_unsafe(plugin, places);
}

void check_option_tables(Plugin& plugin) {
  for (const CommandEntry& command : plugin.manifest.commands)
    if (auto reason = why_no_option_table(plugin, command)) return refuse(plugin, Status::options, std::move(*reason));
}

/// What loading would say of the file, as far as its headers tell it.
void check_library(Plugin& plugin) {
  try {
    if (const auto trouble = why_no_library(plugin.library)) refuse(plugin, Status::load, plugin.cannot_load(*trouble));
  } catch (const Error& unreadable) {
    refuse(plugin, Status::load, plugin.cannot_load(unreadable.what()));
  }
}

/// The same of those that came with the plugin: the loader maps one that is cut off, and crashes in it.
void check_private_libraries(Plugin& plugin) {
  for (const auto& named : plugin.private_libraries()) {
    if (const auto trouble = why_no_file(named); trouble && std::filesystem::is_symlink(named))
      return refuse(plugin, Status::dependency,
                    fmt::format("{} names the library {}, which {}.{}", plugin.manifest_path.string(), named.string(),
                                *trouble, plugin.install_missing(named.filename().string())));
    for (const auto& library : libraries_installed_with(named)) try {
        if (const auto trouble = why_no_library(library))
          return refuse(plugin, Status::dependency,
                        fmt::format("{} needs {}: {}.{}", plugin.manifest.qualified_name(), library.string(), *trouble,
                                    plugin.install_again(library)));
      } catch (const Error& unreadable) {
        return refuse(plugin, Status::dependency,
                      fmt::format("{}: {}.{}", plugin.manifest.qualified_name(), unreadable.what(),
                                  plugin.install_again(library)));
      }
  }
}

}  // namespace

bool is_libtorch(std::string_view library) { return library.starts_with("libtorch") || library.starts_with("libc10"); }

std::string Plugin::display_name() const { return manifest.vendor.empty() ? manifest.name : manifest.qualified_name(); }

std::string Plugin::install_again() const {
  if (manifest.package.empty()) return " Build or install the plugin again.";
  return fmt::format(" Install the package '{}' again.", manifest.package);
}

std::string Plugin::install_again(const std::filesystem::path& private_library) const {
  if (manifest.vendor != "lmf" || private_library.filename().string().starts_with("liblmf-")) return install_again();
  return " Install the package 'lmf-torch' again.";
}

std::vector<std::filesystem::path> Plugin::private_libraries() const {
  std::vector<std::filesystem::path> libraries;
  for (const std::string& name : manifest.libraries)
    if (name.find('/') != name.npos) libraries.push_back((folder.path / name).lexically_normal());
  return libraries;
}

std::string Plugin::cannot_load(std::string_view why) const {
  return fmt::format("cannot load {} ({}): {}.{}", manifest.qualified_name(), library.string(), why, install_again());
}

std::string Plugin::install_missing(std::string_view libraries) const {
  if (!is_libtorch(libraries)) return install_again();
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
  if (problem.status == Status::manifest) problem.reason += "." + plugin.install_again();
  refuse(plugin, problem.status, std::move(problem.reason));
  return plugin;
}

void examine(Plugin& plugin, TrustedPlaces& places) {
  if (plugin.status == Status::ok) check_abi(plugin);
  struct stat library;
  if (plugin.status == Status::ok) find_library(plugin, library);
  if (plugin.status != Status::ok) return;
  if (auto reason = why_plugin_unsafe(plugin, library, places))
    return refuse(plugin, Status::unsafe, std::move(*reason));
  check_library(plugin);
  if (plugin.status == Status::ok) check_private_libraries(plugin);
  if (plugin.status == Status::ok) check_option_tables(plugin);
}

}  // namespace lmf::host
