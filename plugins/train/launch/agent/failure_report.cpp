#include "train/launch/agent/failure_report.hpp"

#include <algorithm>
#include <cmath>
#include <ctime>

#include <unistd.h>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "base/files.hpp"
#include "base/log.hpp"
#include "train/launch/agent/failure_cause.hpp"
#include "train/launch/agent/late_collective.hpp"
#include "train/launch/agent/processes.hpp"
#include "base/host_name.hpp"

namespace lmf::train::launch {
namespace {

using nlohmann::json;
using SystemTime = std::chrono::system_clock::time_point;

constexpr std::size_t kLargestErrorFile = 1 << 20;
constexpr std::size_t kWidth = 60;
constexpr std::size_t kLongestTraceback = 60;

/// The worker's own words: {"message": {"message": ..., "extraInfo": {"timestamp": "seconds"}}}, or {"message": ...}.
/// Null when there is none or it is broken: a dying worker wrote it.
json read_error_file(const std::string& path) {
  if (path.empty() || ::access(path.c_str(), R_OK) != 0) return nullptr;
  try {
    json document = json::parse(read_file(path, kLargestErrorFile), nullptr, false);
    return document.is_object() ? document : json(nullptr);
  } catch (const Error&) {
    return nullptr;
  }
}

const json* field(const json& value, const char* name) {
  if (!value.is_object()) return nullptr;
  const auto found = value.find(name);
  return found == value.end() ? nullptr : &*found;
}

std::string text_of(const json& value) {
  return value.is_string() ? value.get<std::string>() : value.dump(-1, ' ', false, json::error_handler_t::replace);
}

void read_error(Failure& failure, const std::string& path) {
  const json document = read_error_file(path);
  const json* message = field(document, "message");
  if (message == nullptr) return;
  failure.error_file = path;
  const json* inner = field(*message, "message");
  failure.message = text_of(inner != nullptr ? *inner : *message);
  const json* extra = field(*message, "extraInfo");
  const json* stack = extra != nullptr ? field(*extra, "py_callstack") : nullptr;
  if (stack != nullptr) failure.traceback = last_lines_of(text_of(*stack), kLongestTraceback);
  if (stack == nullptr || text_of(*stack).find(failure.message) == std::string::npos)
    for (std::string& line : last_lines_of(failure.message, kLongestTraceback))
      failure.traceback.push_back(std::move(line));
  const json* time = extra != nullptr ? field(*extra, "timestamp") : nullptr;
  if (time == nullptr) return;
  const double seconds = std::strtod(text_of(*time).c_str(), nullptr);
  const auto said =
      SystemTime(std::chrono::milliseconds(static_cast<std::int64_t>(std::clamp(seconds, 0.0, 1e11) * 1e3)));
  // Whole seconds, as torch writes them, say less than when it ended, unless that came much later.
  if (seconds > 0 && said < failure.when) failure.when = std::min(failure.when, said + std::chrono::milliseconds(999));
}

std::string time_text(SystemTime when) {
  const std::time_t seconds = std::chrono::system_clock::to_time_t(when);
  const auto milliseconds =
      std::chrono::duration_cast<std::chrono::milliseconds>(when.time_since_epoch()).count() % 1000;
  std::tm local = {};
  ::localtime_r(&seconds, &local);
  char text[32];
  std::strftime(text, sizeof text, "%Y-%m-%d_%H:%M:%S", &local);
  return fmt::format("{}.{:03}", text, milliseconds);
}

std::string exit_text(const Ending& ending) {
  return ending.signal != 0 ? std::to_string(-ending.signal) : std::to_string(ending.exit_code);
}

void add_entry(std::string& table, std::size_t number, const Failure& failure, const FailureReport& report) {
  const auto line = [&table](const char* name, const std::string& value) {
    table += fmt::format("  {:<10}: {}\n", name, value);
  };
  table += fmt::format("[{}]:\n", number);
  line("time", time_text(failure.when));
  line("host", report.host);
  line("rank", fmt::format("{} (local_rank: {})", failure.rank, failure.local_rank));
  line("exitcode", fmt::format("{} (pid: {})", exit_text(failure.ending), failure.pid));
  const bool named = report.error_files_stay && !failure.error_file.empty();
  line("error_file", named ? failure.error_file : "<N/A>");
  if (failure.ending.signal != 0)
    line("signal", fmt::format("{} received by PID {}", signal_name(failure.ending.signal), failure.pid));
  for (std::size_t i = 0; i < failure.traceback.size(); ++i)
    i == 0 ? line("traceback", failure.traceback[i]) : void(table += fmt::format("  {}\n", failure.traceback[i]));
  if (!failure.cause.empty()) line("cause", failure.cause);
  const auto& lines = failure.last.lines;
  // Python has written the traceback there, too.
  const bool said =
      !failure.traceback.empty() && std::find(lines.begin(), lines.end(), failure.traceback.back()) != lines.end();
  if (lines.empty() || said) return;
  line("last lines", failure.last.of_output ? "of standard output" : "");
  for (const std::string& last : lines) table += "    | " + last + "\n";
}

std::string last_word(const Failure& failure) {
  const auto& lines = failure.traceback.empty() ? failure.last.lines : failure.traceback;
  return lines.empty() ? "" : lines.back();
}

/// All ranks fail alike where the configuration is wrong.
bool are_alike(const Failure& a, const Failure& b) {
  return a.ending.status() == b.ending.status() && !last_word(a).empty() && last_word(a) == last_word(b);
}

}  // namespace

std::string FailureReport::sentence() const {
  const Ending& ending = root().ending;
  const std::string how = ending.signal != 0 ? "was ended by " + signal_name(ending.signal)
                                             : fmt::format("ended with exit code {}", ending.exit_code);
  return fmt::format("rank {} on {} (pid {}) {}{}", root().rank, host, root().pid, how,
                     root().cause.empty() ? "" : ": " + root().cause);
}

std::string FailureReport::table() const {
  const std::string thick(kWidth, '='), thin(kWidth, '-');
  std::string text = fmt::format("{}\n{} FAILED\n{}\nFailures:\n", thick, name, thin);
  std::vector<int> alike;
  for (std::size_t i = 1; i < failures.size(); ++i)
    are_alike(failures[i], root()) ? alike.push_back(failures[i].rank) : add_entry(text, i, failures[i], *this);
  if (!alike.empty())
    text += fmt::format("  rank {}: exit code and last line as of rank {} below\n", ranks_text(alike), root().rank);
  if (failures.size() == 1) text += "  <NO_OTHER_FAILURES>\n";
  text += fmt::format("{}\nRoot Cause (first observed failure):\n", thin);
  add_entry(text, 0, root(), *this);
  if (!stopped.empty())
    text += fmt::format("{}\nStopped by the launcher because of it: rank {}\n", thin, ranks_text(stopped));
  return text + thick + "\n";
}

FailureReport report_failures(const WorkerGroup& group, std::string name, std::uint64_t out_of_memory_kills_before,
                              const Assignment& assignment) {
  FailureReport report;
  report.name = std::move(name);
  report.host = host_name();
  Circumstances circumstances{out_of_memory_kills_before, assignment.master_port, assignment.group_world_size > 1};
  for (const auto& worker : group.workers()) {
    if (worker->ending() && !worker->told_to_stop()) continue;
    // Who has waited in vain, too, is not whom the others waited for.
    if (!late_collective(worker->streams().last_lines().lines)) circumstances.at_work.push_back(worker->plan().rank);
  }
  for (const auto& worker : group.workers()) {
    if (!worker->ending() || worker->ending()->good()) continue;
    if (worker->told_to_stop()) {
      report.stopped.push_back(worker->plan().rank);
      continue;
    }
    Failure failure{worker->plan().rank,
                    worker->plan().local_rank,
                    worker->pid(),
                    *worker->ending(),
                    worker->ending()->when,
                    {},
                    {},
                    {},
                    {},
                    worker->streams().last_lines()};
    read_error(failure, worker->plan().error_file);
    failure.cause = cause_of(failure.ending, failure.pid, failure.last.lines, circumstances);
    report.failures.push_back(std::move(failure));
  }
  std::stable_sort(report.failures.begin(), report.failures.end(),
                   [](const Failure& a, const Failure& b) { return a.when < b.when; });
  return report;
}

void write_error_file(const FailureReport& report, const std::string& path) {
  const Failure& root = report.root();
  json document = read_error_file(root.error_file);
  if (!document.is_object() || !document.contains("message"))
    document = {{"message",
                 {{"message", report.sentence()},
                  {"extraInfo", {{"timestamp", std::to_string(std::chrono::system_clock::to_time_t(root.when))}}}}}};
  json& message = document["message"];
  if (!message.is_object()) message = {{"message", message}};
  message["errorCode"] = root.ending.signal != 0 ? -root.ending.signal : root.ending.exit_code;
  try {
    write_file_atomically(path, document.dump(-1, ' ', false, json::error_handler_t::replace));
  } catch (const Error& failure) {
    log::warn("{}", failure.what());  // the failure itself matters more
  }
}

}  // namespace lmf::train::launch
