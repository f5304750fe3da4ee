#include "host/plugin_list.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "host/external_commands.hpp"
#include "host/json_text.hpp"
#include "host/output.hpp"
#include "host/plugin_status.hpp"
#include "host/text_layout.hpp"
#include "lmf/error.hpp"

namespace lmf::host {
namespace {

/// All that is listed: finding it out reads every library's headers.
struct Findings {
  const Catalogue& catalogue;
  std::vector<Verdict> verdicts;  ///< of each plugin
  std::vector<StrayLibrary> strays;
  std::vector<ExternalCommand> externals;
};

Findings find_out(const PluginCall& call) {
  Findings findings{
      call.catalogue, {}, stray_libraries(call.catalogue), all_external_commands(call.environment, call.catalogue)};
  for (const Plugin& plugin : call.catalogue.plugins())
    findings.verdicts.push_back(overall_status(call.catalogue, plugin));
  return findings;
}

/// "lmf.env 0.1.0 (env): ok"; of a manifest that cannot be read only its name is known.
std::string plugin_title(const Plugin& plugin, Status status) {
  std::string text = plugin.display_name();
  if (!plugin.manifest.version.empty()) text += " " + plugin.manifest.version;
  if (const auto commands = command_names(plugin); !commands.empty()) text += " (" + joined(commands) + ")";
  return as_line(fmt::format("{}: {}", text, word(status)));
}

std::string externals_as_text(const std::vector<ExternalCommand>& commands) {
  if (commands.empty()) return {};
  std::string text = "\nprograms on PATH that are commands:\n";
  for (const ExternalCommand& command : commands)
    text += as_line(fmt::format("  {} ({}){}", command.name, command.path.string(),
                                command.hidden_by.empty() ? "" : ": hidden by " + command.hidden_by));
  return text;
}

std::string list_as_text(const Findings& findings) {
  const Catalogue& catalogue = findings.catalogue;
  std::string text;
  for (std::size_t i = 0; i < catalogue.plugins().size(); ++i) {
    const Plugin& plugin = catalogue.plugins()[i];
    const auto& [status, reason] = findings.verdicts[i];
    text += plugin_title(plugin, status);
    text += as_line("  " + (plugin.library.empty() ? plugin.manifest_path : plugin.library).string());
    if (!reason.empty()) text += as_line("  " + reason);
    for (const std::string& remark : remarks(catalogue, plugin)) text += as_line("  " + remark);
  }
  if (catalogue.plugins().empty()) text += "no plugins\n";
  for (const StrayLibrary& stray : findings.strays)
    text += as_line(fmt::format("{}: {}", stray.library.filename().string(), word(stray.verdict.status))) +
            as_line("  " + stray.verdict.reason);
  text += externals_as_text(findings.externals);
  text += "\nlooked in:\n";
  for (const SearchFolder& folder : catalogue.folders())
    text += as_line(fmt::format("  {} ({})", folder.path.string(), description(folder.place)));
  return text;
}

std::string list_as_json(const Findings& findings) {
  const Catalogue& catalogue = findings.catalogue;
  using Json = nlohmann::ordered_json;
  Json plugins = Json::array(), folders = Json::array(), programs = Json::array();
  for (std::size_t i = 0; i < catalogue.plugins().size(); ++i) {
    const Plugin& plugin = catalogue.plugins()[i];
    const auto& [status, reason] = findings.verdicts[i];
    plugins.push_back({{"name", plugin.display_name()},
                       {"version", plugin.manifest.version},
                       {"commands", command_names(plugin)},
                       {"status", word(status)},
                       {"reason", reason},
                       {"remarks", remarks(catalogue, plugin)},
                       {"manifest", plugin.manifest_path.string()},
                       {"library", plugin.library.string()}});
  }
  for (const StrayLibrary& stray : findings.strays)
    plugins.push_back({{"name", stray.library.filename().string()},
                       {"version", ""},
                       {"commands", Json::array()},
                       {"status", word(stray.verdict.status)},
                       {"reason", stray.verdict.reason},
                       {"remarks", Json::array()},
                       {"manifest", ""},
                       {"library", stray.library.string()}});
  for (const ExternalCommand& command : findings.externals)
    programs.push_back({{"name", command.name}, {"path", command.path.string()}, {"hidden_by", command.hidden_by}});
  for (const SearchFolder& folder : catalogue.folders()) folders.push_back(folder.path.string());
  const Json list = {{"format", 1},
                     {"plugins", plugins},
                     {"external_commands", programs},
                     {"looked_in", folders},
                     {"notices", catalogue.notices()}};
  return json_text(list);
}

bool is_something_wrong(const Findings& findings) {
  return !findings.catalogue.notices().empty() || !findings.strays.empty() ||
         std::any_of(findings.verdicts.begin(), findings.verdicts.end(),
                     [](const Verdict& verdict) { return is_fault(verdict.status); });
}

}  // namespace

int list_plugins(const PluginCall& call) {
  const PluginWords words = read_plugin_words(call, {"--json"}, 0);
  const Findings findings = find_out(call);
  for (const std::string& notice : call.catalogue.notices()) say(call.environment, notice);
  print(words.options.contains("--json") ? list_as_json(findings) : list_as_text(findings));
  return is_something_wrong(findings) ? kExitFailed : kExitDone;
}

}  // namespace lmf::host
