#include "host/trial.hpp"

#include <charconv>
#include <cstring>
#include <utility>

#include <fmt/format.h>

#include "base/dynamic_library.hpp"
#include "base/file_kind.hpp"
#include "base/library_file.hpp"
#include "base/printable.hpp"
#include "base/split.hpp"
#include "base/trimmed.hpp"
#include "host/apart.hpp"
#include "host/crash_guard.hpp"
#include "host/loader.hpp"
#include "host/missing_libraries.hpp"

namespace lmf::host {
namespace {

/// In the child, once the plugin is loaded: what is wrong with those libraries; "" for nothing. One that is not there
/// is not missed when the plugin has found the system's of that name.
std::string load_private_libraries(const Plugin& plugin) {
  std::vector<std::string> troubles;
  for (const std::filesystem::path& library : plugin.private_libraries()) {
    const std::string path = library.string();
    if (const auto absent = why_no_file(library)) {
      if (!is_loaded(library.filename().string())) troubles.push_back(fmt::format("{} {}", path, *absent));
      continue;
    }
    guard_against_crashes("lmf", fmt::format("{} with its library {}", identity(plugin), printable_line(path)));
    const auto refusal = why_not_loadable(library);
    if (!refusal) continue;
    troubles.push_back(refusal->text.starts_with(path) ? refusal->text : fmt::format("{}: {}", path, refusal->text));
    if (refusal->cause != LoadRefusal::Cause::symbol) continue;
    if (const auto libtorch = found_libtorch(library, std::chrono::seconds(10)))
      troubles.back() += fmt::format(
          ", which the libtorch that is found here, {}, does not have: if LD_LIBRARY_PATH leads there, unset it",
          libtorch->string());
  }
  return fmt::format("{}", fmt::join(troubles, "; "));
}

/// What the child finds out.
struct Report {
  Status status = Status::ok;
  bool loads = false;     ///< the plugin's own library, at least
  std::string build_tag;  ///< of one that loads
  std::string reason;     ///< the refusal or, of a plugin that loads, what is wrong with the libraries beside it
};

constexpr char kBetween = '\0';

std::string as_text(const Report& report) {
  return fmt::format("{1}{0}{2}{0}{3}{0}{4}", kBetween, static_cast<int>(report.status), report.loads ? 1 : 0,
                     report.build_tag, report.reason);
}

Report report_of(const std::string& text) {
  std::vector<std::string> parts = split(text, kBetween);
  parts.resize(4);  // an answer that is too long is cut off
  int status = 0;
  std::from_chars(parts[0].data(), parts[0].data() + parts[0].size(), status);
  return {static_cast<Status>(status), parts[1] == "1", parts[2], parts[3]};
}

/// In the child.
Report load_here(const Plugin& plugin) {
  for (const CommandEntry& command : plugin.manifest.commands) set_environment(command);
  guard_against_crashes("lmf", identity(plugin, build_tag_of(plugin.library)));
  const auto loaded = load(plugin);
  if (const auto* failure = std::get_if<Verdict>(&loaded)) return {failure->status, false, {}, failure->reason};
  const char* tag = std::get<const lmf_plugin_v1*>(loaded)->build_tag;
  std::string trouble = load_private_libraries(plugin);
  return {trouble.empty() ? Status::ok : Status::dependency, true, tag != nullptr ? tag : "", std::move(trouble)};
}

std::string on_one_line(std::string text) {
  for (char& letter : text)
    if (letter == '\n') letter = ' ';
  return std::string(trimmed(text, " "));
}

Verdict crashed(const Plugin& plugin, const Apart& end) {
  const std::string how = end.end == Apart::End::signalled
                              ? fmt::format("was ended by signal {} ({})", end.number, ::strsignal(end.number))
                              : fmt::format("ended with status {}", end.number);
  const std::string said = shortened(on_one_line(end.said), 500);  // libtorch adds its stack
  std::string damage = cut_off_libraries(plugin.library);
  for (const std::filesystem::path& library : plugin.private_libraries())
    if (!why_no_file(library)) damage += cut_off_libraries(library);
  const std::string next_step =
      damage.empty() ? plugin.install_again() : damage + " Put the whole file there, or unset LD_LIBRARY_PATH.";
  return {Status::crashed,
          fmt::format("{}: the process {} while it was being loaded.{}{}", identity(plugin), how,
                      said.empty() ? "" : " It said: " + said + (said.ends_with('.') ? "" : "."), next_step)};
}

/// What the child's end says where it found out nothing.
Verdict verdict_of(const Plugin& plugin, const Apart& end, std::chrono::seconds limit) {
  if (end.end == Apart::End::not_started)
    return {
        Status::untried,
        fmt::format("{} was not tried: no process can be started ({}). Nothing is loaded without one; raise the limit "
                    "on processes (ulimit -u).",
                    identity(plugin), std::strerror(end.number))};
  if (end.end == Apart::End::timed_out)
    return {Status::timeout, fmt::format("{} did not come back from being loaded within {} s (--timeout SECONDS).{}",
                                         identity(plugin), limit.count(), plugin.install_again())};
  return crashed(plugin, end);
}

/// The loader names the first library that it does not find: here are all, and who needs them.
void look_for_missing(const Plugin& plugin, bool loads, std::chrono::seconds limit, Trial& trial) {
  const std::vector<std::filesystem::path> libraries =
      loads ? plugin.private_libraries() : std::vector<std::filesystem::path>{plugin.library};
  for (const std::filesystem::path& library : libraries)
    if (!why_no_file(library))
      for (std::string& missing : missing_libraries(library, limit)) trial.missing.push_back(std::move(missing));
  const std::string missing = fmt::format("{}", fmt::join(trial.missing, ", "));
  if (loads)
    trial.verdict.reason =
        fmt::format("{} loads, but not what comes with it: {}.{}{}", identity(plugin), trial.verdict.reason,
                    missing.empty() ? "" : " Not found: " + missing + ".", plugin.install_missing(missing));
  else if (!missing.empty())
    trial.verdict.reason =
        fmt::format("{} needs what is not found: {}.{}", identity(plugin), missing, plugin.install_missing(missing));
}

}  // namespace

Trial try_to_load(const Plugin& plugin, std::chrono::seconds limit) {
  const Apart end = run_apart([&] { return as_text(load_here(plugin)); }, limit);
  if (end.answer.empty()) return {verdict_of(plugin, end, limit), {}, {}};
  Report report = report_of(end.answer);
  Trial trial{{report.status, std::move(report.reason)}, std::move(report.build_tag), {}};
  if (report.status == Status::dependency) look_for_missing(plugin, report.loads, limit, trial);
  return trial;
}

}  // namespace lmf::host
