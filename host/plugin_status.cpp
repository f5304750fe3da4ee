#include "host/plugin_status.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "base/library_file.hpp"
#include "host/file_names.hpp"
#include "lmf/error.hpp"

namespace lmf::host {
namespace {

/// What loading would say of the file, as far as its headers tell it.
std::string library_trouble(const Plugin& plugin) {
  try {
    const auto trouble = why_no_library(plugin.library);
    return trouble ? fmt::format("{}: {}.{}", plugin.library.string(), *trouble, plugin.install_again()) : "";
  } catch (const Error& unreadable) {
    return unreadable.what();
  }
}

/// Of the folder's plugins or, with an unreadable manifest, one that may be.
bool belongs_to_a_plugin(const Catalogue& catalogue, const std::filesystem::path& folder, const std::string& library) {
  return std::any_of(catalogue.plugins().begin(), catalogue.plugins().end(), [&](const Plugin& plugin) {
    const std::string& named = plugin.manifest.library;
    return library == (named.empty() ? fmt::format("liblmf-{}.so", plugin.manifest.name) : named) &&
           plugin.folder.path == folder;
  });
}

}  // namespace

Verdict overall_status(const Catalogue& catalogue, const Plugin& plugin) {
  if (plugin.status != Status::ok) return {plugin.status, plugin.reason};
  for (const Claim& claim : catalogue.claims())
    if (claim.plugin == &plugin && claim.status != Status::ok) return {claim.status, claim.reason};
  if (std::string trouble = library_trouble(plugin); !trouble.empty()) return {Status::load, std::move(trouble)};
  return {};
}

std::vector<StrayLibrary> stray_libraries(const Catalogue& catalogue) {
  std::vector<StrayLibrary> found;
  for (const SearchFolder& folder : catalogue.folders()) {
    int ignored = 0;  // said when its manifests were looked for
    std::vector<std::string> names = file_names(folder.path, "liblmf-", ".so", ignored);
    std::sort(names.begin(), names.end());
    for (const std::string& name : names) {
      if (belongs_to_a_plugin(catalogue, folder.path, name)) continue;
      const auto library = folder.path / name;
      const std::string plugin = name.substr(7, name.size() - 10);
      found.push_back(
          {library,
           {Status::no_manifest,
            fmt::format("{} has no manifest {} beside it, so that nobody can call it. Install the plugin again, "
                        "or remove the file.",
                        library.string(), plugin + kManifestSuffix)}});
    }
  }
  return found;
}

std::vector<std::string> command_names(const Plugin& plugin) {
  std::vector<std::string> names;
  for (const CommandEntry& command : plugin.manifest.commands) names.push_back(command.name);
  return names;
}

}  // namespace lmf::host
