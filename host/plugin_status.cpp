#include "host/plugin_status.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "host/file_names.hpp"
#include "host/option_table.hpp"
#include "lmf/error.hpp"

namespace lmf::host {
namespace {

/// Of the first option table that is wrong; "" when all are right.
std::string table_trouble(const Plugin& plugin) {
  try {
    for (const CommandEntry& command : plugin.manifest.commands) read_option_table(plugin, command);
  } catch (const Error& trouble) {
    return trouble.what();
  }
  return {};
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
  if (std::string trouble = table_trouble(plugin); !trouble.empty()) return {Status::options, std::move(trouble)};
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

std::vector<std::string> remarks(const Catalogue& catalogue, const Plugin& plugin) {
  const std::string manifest = plugin.manifest_path.string();
  std::vector<std::string> remarks = catalogue.alias_remarks(plugin);
  for (const std::string& key : plugin.manifest.unknown_keys)
    remarks.push_back(fmt::format("{} has the key {}, which this version does not know", manifest, key));
  for (const CommandEntry& command : plugin.manifest.commands)
    for (const std::string& alias : command.refused_aliases)
      remarks.push_back(fmt::format("{} has the alias '{}' of {}, which does not count: that name is reserved for lmf",
                                    manifest, alias, command.name));
  return remarks;
}

std::vector<std::string> command_names(const Plugin& plugin) {
  std::vector<std::string> names;
  for (const CommandEntry& command : plugin.manifest.commands) names.push_back(command.name);
  return names;
}

}  // namespace lmf::host
