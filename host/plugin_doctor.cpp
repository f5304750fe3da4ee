#include "host/plugin_doctor.hpp"

#include <algorithm>
#include <charconv>

#include <fmt/format.h>

#include "base/printable.hpp"
#include "host/json_text.hpp"
#include "host/output.hpp"
#include "host/plugin_lookup.hpp"
#include "host/plugin_status.hpp"
#include "host/text_layout.hpp"
#include "host/trial.hpp"
#include "lmf/error.hpp"

namespace lmf::host {
namespace {

struct Finding {
  std::string name, version;
  std::filesystem::path manifest, library;
  Trial trial;
  std::vector<std::string> remarks;
};

/// A plugin that is fine but for who gets its command is loaded all the same.
Trial examine_one(const Catalogue& catalogue, const Plugin& plugin, std::chrono::seconds limit) {
  Trial known{overall_status(catalogue, plugin), {}, {}};
  if (plugin.status != Status::ok) return known;
  Trial trial = try_to_load(plugin, limit);
  if (known.verdict.status != Status::ok && trial.verdict.status == Status::ok) trial.verdict = known.verdict;
  return trial;
}

std::vector<Finding> examine(const Catalogue& catalogue, const PluginWords& words, std::chrono::seconds limit) {
  std::vector<Finding> findings;
  const auto add = [&](const Plugin& plugin) {
    findings.push_back({plugin.display_name(), plugin.manifest.version, plugin.manifest_path, plugin.library,
                        examine_one(catalogue, plugin, limit), remarks(catalogue, plugin)});
  };
  if (!words.names.empty()) {
    add(plugin_named(catalogue, words.names[0]));
    return findings;
  }
  for (const Plugin& plugin : catalogue.plugins()) add(plugin);
  for (StrayLibrary& stray : stray_libraries(catalogue))
    findings.push_back(
        {stray.library.filename().string(), {}, {}, stray.library, {std::move(stray.verdict), {}, {}}, {}});
  return findings;
}

std::string findings_text(const std::vector<Finding>& findings) {
  std::string text;
  for (const auto& [name, version, manifest, library, trial, remarks] : findings) {
    text += as_line(fmt::format("{}{}{}: {}", name, version.empty() ? "" : " ", version, word(trial.verdict.status)));
    if (!trial.verdict.reason.empty()) text += as_line("  " + trial.verdict.reason);
    for (const std::string& remark : remarks) text += as_line("  " + remark);
    if (!trial.build_tag.empty()) text += as_line("  built with " + trial.build_tag);
  }
  const auto faults = std::count_if(findings.begin(), findings.end(),
                                    [](const Finding& one) { return is_fault(one.trial.verdict.status); });
  return text + fmt::format("\n{} of {} plugins {} a fault\n", faults, findings.size(), faults == 1 ? "has" : "have");
}

std::string findings_json(const std::vector<Finding>& findings, const std::vector<std::string>& notices) {
  using Json = nlohmann::ordered_json;
  Json plugins = Json::array();
  for (const auto& [name, version, manifest, library, trial, remarks] : findings)
    plugins.push_back({{"name", name},
                       {"version", version},
                       {"status", word(trial.verdict.status)},
                       {"fault", is_fault(trial.verdict.status)},
                       {"reason", trial.verdict.reason},
                       {"remarks", remarks},
                       {"build_tag", trial.build_tag},
                       {"missing", trial.missing},
                       {"manifest", manifest.string()},
                       {"library", library.string()}});
  const Json all = {{"format", 1}, {"plugins", plugins}, {"notices", notices}};
  return json_text(all);
}

std::chrono::seconds read_limit(const PluginWords& words) {
  const auto given = words.options.find("--timeout");
  if (given == words.options.end()) return std::chrono::seconds(10);
  const std::string& text = given->second;
  int seconds = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), seconds);
  if (error != std::errc() || end != text.data() + text.size() || seconds < 1 || seconds > 3600)
    throw Error(fmt::format("plugin doctor: --timeout '{}': expected 1 to 3600 seconds", shortened(text)), "",
                kExitUsage);
  return std::chrono::seconds(seconds);
}

}  // namespace

int examine_plugins(const PluginCall& call) {
  const PluginWords words = read_plugin_words(call, {"--json", "--timeout="}, 1);
  const std::vector<Finding> findings = examine(call.catalogue, words, read_limit(words));
  const auto& notices = call.catalogue.notices();
  for (const std::string& notice : notices) say(call.environment, notice);
  print(words.options.contains("--json") ? findings_json(findings, notices) : findings_text(findings));
  const bool sick = std::any_of(findings.begin(), findings.end(),
                                [](const Finding& one) { return is_fault(one.trial.verdict.status); });
  return sick || (words.names.empty() && !notices.empty()) ? kExitFailed : kExitDone;
}

}  // namespace lmf::host
