#include "host/plugin_status.hpp"

#include <algorithm>
#include <system_error>

#include <fmt/format.h>

#include "base/library_file.hpp"
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
bool belongs_to_a_plugin(const Catalogue& catalogue, const std::filesystem::path& library) {
  return std::any_of(catalogue.plugins().begin(), catalogue.plugins().end(), [&](const Plugin& plugin) {
    const std::string& named = plugin.manifest.library;
    return plugin.folder.path == library.parent_path() &&
           library.filename() == (named.empty() ? fmt::format("liblmf-{}.so", plugin.manifest.name) : named);
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
    std::error_code failed;
    const auto first_of_folder = static_cast<std::ptrdiff_t>(found.size());
    for (std::filesystem::directory_iterator entry(folder.path, failed), end; !failed && entry != end;
         entry.increment(failed)) {
      const std::string name = entry->path().filename().string();
      if (!name.starts_with("liblmf-") || !name.ends_with(".so") || belongs_to_a_plugin(catalogue, entry->path()))
        continue;
      const std::string plugin = name.substr(7, name.size() - 10);
      found.push_back(
          {entry->path(),
           {Status::no_manifest,
            fmt::format("{} has no manifest {} beside it, so that nobody can call it. Install the plugin again, "
                        "or remove the file.",
                        entry->path().string(), plugin + kManifestSuffix)}});
    }
    std::sort(found.begin() + first_of_folder, found.end(),
              [](const auto& one, const auto& other) { return one.library < other.library; });
  }
  return found;
}

std::vector<std::string> command_names(const Plugin& plugin) {
  std::vector<std::string> names;
  for (const CommandEntry& command : plugin.manifest.commands) names.push_back(command.name);
  return names;
}

}  // namespace lmf::host
