#include "host/plugin_list.hpp"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "base/library_file.hpp"
#include "base/printable.hpp"
#include "host/output.hpp"
#include "lmf/error.hpp"

namespace lmf::host {
namespace {

/// What loading would say of the file, as far as its headers tell it.
std::string library_trouble(const Plugin& plugin) {
  try {
    const auto trouble = why_no_library(plugin.library);
    return trouble ? fmt::format("{}: {}.", plugin.library.string(), *trouble) : std::string();
  } catch (const Error& unreadable) {
    return unreadable.what();
  }
}

/// The plugin's own status or, when that is ok, the first trouble with one of its commands, or with its library.
std::pair<Status, std::string> overall_status(const Catalogue& catalogue, const Plugin& plugin) {
  if (plugin.status != Status::ok) return {plugin.status, plugin.reason};
  for (const Claim& claim : catalogue.claims())
    if (claim.plugin == &plugin && claim.status != Status::ok) return {claim.status, claim.reason};
  if (std::string trouble = library_trouble(plugin); !trouble.empty()) return {Status::load, std::move(trouble)};
  return {Status::ok, {}};
}

std::string commands_of(const Plugin& plugin) {
  std::string text;
  for (const CommandEntry& command : plugin.manifest.commands) text += (text.empty() ? "" : ", ") + command.name;
  return text;
}

/// "lmf.env 0.1.0 (env): ok"; of a manifest that cannot be read only its name is known.
std::string title(const Plugin& plugin, Status status) {
  std::string text = plugin.display_name();
  if (!plugin.manifest.version.empty()) text += " " + plugin.manifest.version;
  if (const std::string commands = commands_of(plugin); !commands.empty()) text += " (" + commands + ")";
  return fmt::format("{}: {}\n", text, word(status));
}

std::string list_as_text(const Catalogue& catalogue) {
  std::string text;
  for (const Plugin& plugin : catalogue.plugins()) {
    const auto [status, reason] = overall_status(catalogue, plugin);
    text += title(plugin, status);
    text += fmt::format("  {}\n", (plugin.library.empty() ? plugin.manifest_path : plugin.library).string());
    if (!reason.empty()) text += fmt::format("  {}\n", reason);
    for (const std::string& key : plugin.manifest.unknown_keys)
      text +=
          fmt::format("  {} has the key {}, which this version does not know\n", plugin.manifest_path.string(), key);
  }
  if (catalogue.plugins().empty()) text += "no plugins\n";
  text += "\nlooked in:\n";
  for (const SearchFolder& folder : catalogue.folders())
    text += fmt::format("  {} ({})\n", folder.path.string(), description(folder.place));
  return text;
}

std::string list_as_json(const Catalogue& catalogue) {
  using Json = nlohmann::ordered_json;
  Json plugins = Json::array(), folders = Json::array();
  for (const Plugin& plugin : catalogue.plugins()) {
    const auto [status, reason] = overall_status(catalogue, plugin);
    plugins.push_back({{"name", plugin.display_name()},
                       {"version", plugin.manifest.version},
                       {"commands", commands_of(plugin)},
                       {"status", word(status)},
                       {"reason", reason},
                       {"manifest", plugin.manifest_path.string()},
                       {"library", plugin.library.string()}});
  }
  for (const SearchFolder& folder : catalogue.folders()) folders.push_back(folder.path.string());
  const Json list = {{"format", 1}, {"plugins", plugins}, {"looked_in", folders}};
  return list.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";  // a file name can be any bytes
}

}  // namespace

int list_plugins(const PluginCall& call) {
  const PluginWords words = read_plugin_words(call, {"--json"}, 0);
  for (const std::string& notice : call.catalogue.notices()) say(call.environment, notice);
  return print(words.options.contains("--json") ? list_as_json(call.catalogue)
                                                : printable(list_as_text(call.catalogue)));
}

}  // namespace lmf::host
