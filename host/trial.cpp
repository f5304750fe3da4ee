#include "host/trial.hpp"

#include <charconv>
#include <cstring>
#include <system_error>

#include <fmt/format.h>

#include "base/printable.hpp"
#include "host/apart.hpp"
#include "host/crash_guard.hpp"
#include "host/loader.hpp"
#include "host/missing_libraries.hpp"

namespace lmf::host {
namespace {

/// In the child: "STATUS TEXT", with the build tag or the reason.
std::string load_here(const Plugin& plugin) {
  for (const CommandEntry& command : plugin.manifest.commands) set_environment(command);
  guard_against_crashes("lmf", identity(plugin));
  const auto loaded = load(plugin);
  if (const auto* failure = std::get_if<Verdict>(&loaded))
    return fmt::format("{} {}", static_cast<int>(failure->status), failure->reason);
  const char* tag = std::get<const lmf_plugin_v1*>(loaded)->build_tag;
  return fmt::format("{} {}", static_cast<int>(Status::ok), tag != nullptr ? tag : "");
}

std::string on_one_line(std::string text) {
  for (char& letter : text)
    if (letter == '\n') letter = ' ';
  const auto begin = text.find_first_not_of(' ');
  return begin == text.npos ? "" : text.substr(begin, text.find_last_not_of(' ') + 1 - begin);
}

Verdict crashed(const Plugin& plugin, const Apart& end) {
  const std::string how = end.end == Apart::End::signalled
                              ? fmt::format("was ended by signal {} ({})", end.number, ::strsignal(end.number))
                              : fmt::format("ended with status {}", end.number);
  const std::string said = shortened(on_one_line(end.said), 500);  // libtorch adds its stack
  return {Status::crashed, fmt::format("{}: the process {} while it was being loaded.{}{}", identity(plugin), how,
                                       said.empty() ? "" : " It said: " + said, plugin.install_again())};
}

Verdict verdict_of(const Plugin& plugin, const Apart& end, std::chrono::seconds limit, std::string& build_tag) {
  if (end.end == Apart::End::not_started)
    return {
        Status::untried,
        fmt::format("{} was not tried: no process can be started ({}). Nothing is loaded without one; raise the limit "
                    "on processes (ulimit -u).",
                    identity(plugin), std::strerror(end.number))};
  if (end.end == Apart::End::timed_out && end.answer.empty())
    return {Status::timeout, fmt::format("{} did not come back from being loaded within {} s (--timeout SECONDS).{}",
                                         identity(plugin), limit.count(), plugin.install_again())};
  if (end.answer.empty()) return crashed(plugin, end);
  int status = 0;
  const char* const begin = end.answer.data();
  const char* const text = std::from_chars(begin, begin + end.answer.size(), status).ptr + 1;
  if (static_cast<Status>(status) != Status::ok) return {static_cast<Status>(status), text};
  build_tag = text;
  return {};
}

/// Libraries of the plugin's own package that it loads later.
void check_private_libraries(const Plugin& plugin, std::chrono::seconds limit, Trial& trial) {
  for (const std::string& name : plugin.manifest.libraries) {
    std::error_code failed;
    if (name.find('/') == name.npos) continue;
    const auto library = std::filesystem::canonical(plugin.folder.path / name, failed);
    if (failed) continue;  // it may be the system's
    for (std::string& missing : missing_libraries(library, limit)) trial.missing.push_back(std::move(missing));
  }
  if (trial.missing.empty()) return;
  const std::string missing = fmt::format("{}", fmt::join(trial.missing, ", "));
  trial.verdict = {Status::dependency, fmt::format("{} loads, but its own libraries need what is not found: {}.{}",
                                                   identity(plugin), missing, plugin.install_missing(missing))};
}

}  // namespace

Trial try_to_load(const Plugin& plugin, std::chrono::seconds limit) {
  Trial trial;
  trial.verdict = verdict_of(plugin, run_apart([&] { return load_here(plugin); }, limit), limit, trial.build_tag);
  if (trial.verdict.status == Status::ok) {
    check_private_libraries(plugin, limit, trial);
  } else if (trial.verdict.status == Status::dependency) {
    trial.missing = missing_libraries(plugin.library, limit);
    const std::string missing = fmt::format("{}", fmt::join(trial.missing, ", "));
    if (!missing.empty())
      trial.verdict.reason =
          fmt::format("{} needs what is not found: {}.{}", identity(plugin), missing, plugin.install_missing(missing));
  }
  return trial;
}

}  // namespace lmf::host
