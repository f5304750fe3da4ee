// `lmf env [--json]`: what a bug report needs. Whatever is broken on the machine, the rest is still printed.
#include <cstdio>
#include <filesystem>
#include <string>
#include <vector>

#include <unistd.h>

#include <fmt/format.h>

#include "base/host.hpp"
#include "base/suggest.hpp"
#include "child.hpp"
#include "lmf/plugin.hpp"
#include "sources.hpp"

namespace lmf::env {
namespace {

/// True for --json; throws for anything else.
bool asks_json(std::span<const char* const> arguments) {
  bool json = false;
  const std::vector<std::string> known = {"--json", "--help"};
  for (const std::string_view word : arguments) {
    if (word != "--json") {
      const std::string near = did_you_mean(word, known);
      throw Error(fmt::format("'{}' is not an option.{}", word, near), near.empty() ? "see 'lmf help env'" : "",
                  kExitUsage);
    }
    json = true;
  }
  return json;
}

void add_build(Report& report, const lmf_host_v1& host) {
  report.push_back({"lmf", fmt::format("`{}` version", host.program_name), host.version});
  report.push_back({"plugin_abi", "Plugin ABI", fmt::format("{}.{}", host.abi_major, host.abi_minor)});
  report.push_back({"executable", "Executable", host.executable});
  report.push_back({"share_directory", "Data directory", host.share_directory});
  report.push_back(
      {"build", "Build", fmt::format("{} (C++ {}, {})", LMF_PLUGIN_BUILD_TAG, __cplusplus, LMF_BUILD_TYPE)});
}

/// The host knows its plugins: it is asked, with the same folders, so that nothing is decided twice.
Json ask_host_for_plugins(const lmf_host_v1& host) {
  const auto run_list = [&](int output) {
    std::vector<const char*> words = {host.executable};
    for (std::size_t i = 0; i < host.plugin_directory_count; ++i) {
      words.push_back("--plugin-dir");
      words.push_back(host.plugin_directories[i]);
    }
    words.insert(words.end(), {"plugin", "list", "--json", nullptr});
    ::dup2(output, STDOUT_FILENO);
    ::execv(host.executable, const_cast<char* const*>(words.data()));
    throw Error(fmt::format("cannot run {}", host.executable));
  };
  const Json answer = Json::parse(in_child(run_list, kExitFailed));  // with that it says that one of them has a fault
  Json plugins = Json::array();
  for (const auto& plugin : answer.at("plugins"))
    plugins.push_back({{"name", plugin.at("name")},
                       {"version", plugin.at("version")},
                       {"status", plugin.at("status")},
                       {"library", plugin.at("library")},
                       {"reason", plugin.at("reason")}});
  return plugins;
}

void add_plugins(Report& report, const lmf_host_v1& host) {
  try {
    report.push_back({"plugins", "Plugins", ask_host_for_plugins(host)});
  } catch (const std::exception& error) {
    report.push_back({"plugins", "Plugins", std::string("not known: ") + error.what()});
  }
}

int env(const Invocation& call) {
  adopt_host(call.host);
  const bool json = asks_json(call.arguments);
  Report report;
  add_build(report, call.host);
  add_machine(report);
  add_torch(report, call.host);
  add_accelerators(report);
  add_plugins(report, call.host);
  add_variables(report);
  const std::string text = json ? as_json(report) : as_text(report);
  std::fwrite(text.data(), 1, text.size(), stdout);
  return kExitDone;
}

}  // namespace
}  // namespace lmf::env

LMF_PLUGIN(lmf::env::env)
