#include "host/plugin_info.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "host/json_text.hpp"
#include "host/output.hpp"
#include "host/plugin_lookup.hpp"
#include "host/plugin_status.hpp"
#include "host/text_layout.hpp"
#include "lmf/error.hpp"

namespace lmf::host {
namespace {

using Json = nlohmann::ordered_json;

Json commands_as_json(const Catalogue& catalogue, const Plugin& plugin) {
  Json commands = Json::array();
  for (const Claim& claim : catalogue.claims())
    if (claim.plugin == &plugin && !plugin.is_unreadable())
      commands.push_back({{"name", claim.command->name},
                          {"aliases", claim.aliases},
                          {"summary", claim.command->summary},
                          {"status", word(claim.status)},
                          {"reason", claim.reason}});
  return commands;
}

/// One source of both forms: the text is made from it.
Json information(const Catalogue& catalogue, const Plugin& plugin) {
  const Manifest& manifest = plugin.manifest;
  const auto [status, reason] = overall_status(catalogue, plugin);
  return {{"format", 1},
          {"name", plugin.display_name()},
          {"status", word(status)},
          {"reason", reason},
          {"remarks", remarks(catalogue, plugin)},
          {"version", manifest.version},
          {"summary", manifest.summary},
          {"license", manifest.license},
          {"url", manifest.url},
          {"package", manifest.package},
          {"abi", manifest.vendor.empty() ? "" : fmt::format("{}.{}", manifest.abi_major, manifest.abi_minor)},
          {"place", description(plugin.folder.place)},
          {"manifest", plugin.manifest_path.string()},
          {"library", plugin.library.string()},
          {"needs", manifest.libraries},
          {"unknown_keys", manifest.unknown_keys},
          {"commands", commands_as_json(catalogue, plugin)}};
}

std::string information_text(const Json& information) {
  std::string text;
  for (const auto& [key, value] : information.items()) {
    if (key == "remarks") {
      for (const Json& remark : value) text += as_line(fmt::format("{:<14}{}", "remark", remark.get<std::string>()));
      continue;
    }
    if (value.is_array() && key != "commands" && key != "unknown_keys" && !value.empty())
      text += as_line(fmt::format("{:<14}{}", key, fmt::join(value.get<std::vector<std::string>>(), ", ")));
    if (value.is_string() && !value.get<std::string>().empty())
      text += as_line(fmt::format("{:<14}{}", key, value.get<std::string>()));
  }
  for (const Json& command : information.at("commands")) {
    const auto of = [&](const char* key) { return command.at(key).get<std::string>(); };
    text += as_line(fmt::format("{:<14}{}: {} ({})", "command", of("name"), of("summary"), of("status")));
    if (!of("reason").empty() && of("reason") != information.at("reason"))
      text += as_line(fmt::format("{:<14}{}", "", of("reason")));
  }
  return text;
}

}  // namespace

int inform_of_plugin(const PluginCall& call) {
  const PluginWords words = read_plugin_words(call, {"--json"}, 1);
  if (words.names.empty())
    throw Error("plugin info: expected the name of a plugin", "'lmf plugin list' lists them", kExitUsage);
  const Json all = information(call.catalogue, plugin_named(call.catalogue, words.names[0]));
  print(words.options.contains("--json") ? json_text(all) : information_text(all));
  const auto usable = [&](const Json& one) { return one.at("status") == word(Status::ok); };
  return usable(all) ? kExitDone : kExitFailed;
}

}  // namespace lmf::host
