#include "train/launch/agent/processes.hpp"

#include <algorithm>
#include <charconv>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <ctime>
#include <map>

#include <dirent.h>
#include <fcntl.h>
#include <unistd.h>

#include <fmt/format.h>

#include "train/launch/agent/words.hpp"

namespace lmf::train::launch {
namespace {

/// At most `limit` bytes of a file of /proc; "" when it cannot be read, as when the process has just ended.
std::string proc_text(const std::string& path, std::size_t limit = 64 * 1024) {
  const int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (file < 0) return {};
  std::string text(limit, '\0');
  std::size_t length = 0;
  while (length < limit) {
    const ssize_t count = ::read(file, text.data() + length, limit - length);
    if (count <= 0) break;
    length += static_cast<std::size_t>(count);
  }
  ::close(file);
  text.resize(length);
  return text;
}

/// The fields of /proc/PID/stat after the name, which may hold anything, ')' too: from the third, the state.
std::string_view after_name(const std::string& stat) {
  const std::size_t end = stat.rfind(')');
  return end == std::string::npos || end + 2 >= stat.size() ? std::string_view()
                                                            : std::string_view(stat).substr(end + 2);
}

struct Process {
  pid_t pid = 0, parent = 0, session = 0;
  char state = '?';         // Z: has ended
  std::uint64_t start = 0;  // clock_ticks() then
  std::uint64_t used = 0;   // processor time, with that of its children that it has waited for
};

/// Field 22 of /proc/PID/stat.
std::string_view start_field(std::string_view fields) {
  for (int field = 3; field < 22 && !fields.empty(); ++field)
    fields.remove_prefix(std::min(fields.find(' '), fields.size() - 1) + 1);
  return fields.substr(0, fields.find(' '));
}

Process process_of(pid_t pid) {
  const std::string stat = proc_text(fmt::format("/proc/{}/stat", pid), 1024);
  Process process;
  int group = 0;
  unsigned long times[4] = {};  // in user and in kernel mode, and the same of the children
  const int fields = std::sscanf(std::string(after_name(stat)).c_str(),
                                 "%c %d %d %d %*d %*d %*u %*u %*u %*u %*u %lu %lu %lu %lu", &process.state,
                                 &process.parent, &group, &process.session, &times[0], &times[1], &times[2], &times[3]);
  if (fields >= 4) process.pid = pid;
  for (const unsigned long time : times) process.used += time;
  parse_whole(start_field(after_name(stat)), process.start);
  return process;
}

/// All that can be seen; none without /proc.
std::vector<Process> all_processes() {
  std::vector<Process> result;
  DIR* folder = ::opendir("/proc");
  if (folder == nullptr) return result;
  while (const dirent* entry = ::readdir(folder)) {
    pid_t pid = 0;
    const char* end = entry->d_name + std::strlen(entry->d_name);
    if (std::from_chars(entry->d_name, end, pid).ptr != end) continue;
    if (const Process process = process_of(pid); process.pid != 0) result.push_back(process);
  }
  ::closedir(folder);
  return result;
}

/// Whether LMF_JOB in the environment of `pid` names `id`, alone or among nested ones.
bool carries_job(pid_t pid, std::string_view id) {
  const std::string environment = proc_text(fmt::format("/proc/{}/environ", pid), 1024 * 1024);
  const std::string mark = std::string(kJobVariable) + "=";
  for (std::size_t begin = 0; begin < environment.size();) {
    const std::size_t end = std::min(environment.find('\0', begin), environment.size());
    std::string_view entry(environment.data() + begin, end - begin);
    if (entry.starts_with(mark))
      return ("/" + std::string(entry.substr(mark.size())) + "/").find(fmt::format("/{}/", id)) != std::string::npos;
    begin = end + 1;
  }
  return false;
}

/// With what its children have that it has waited for.
std::uint64_t written_by(pid_t pid) {
  const std::string counts = proc_text(fmt::format("/proc/{}/io", pid), 1024);
  const std::size_t place = counts.find("wchar: ");
  unsigned long long written = 0;
  if (place != std::string::npos) std::sscanf(counts.c_str() + place, "wchar: %llu", &written);
  return written;
}

}  // namespace

std::vector<pid_t> descendants_of(pid_t ancestor, pid_t except) {
  std::multimap<pid_t, Process> children;
  for (const Process& process : all_processes()) children.emplace(process.parent, process);
  std::vector<pid_t> result, waiting = {ancestor};
  while (!waiting.empty()) {
    const pid_t parent = waiting.back();
    waiting.pop_back();
    const auto [begin, end] = children.equal_range(parent);
    for (auto child = begin; child != end; ++child) {
      if (child->second.pid == except) continue;
      waiting.push_back(child->second.pid);
      if (child->second.state != 'Z' && child->second.state != 'X') result.push_back(child->second.pid);
    }
  }
  return result;
}

bool has_children_besides(pid_t except) {
  const std::string path = fmt::format("/proc/self/task/{}/children", ::getpid());
  if (::access(path.c_str(), R_OK) != 0) return !descendants_of(::getpid(), except).empty();  // a kernel without it
  const std::string children = proc_text(path);
  const std::string own = except > 0 ? fmt::format("{} ", except) : "";
  return !children.empty() && children != own;
}

std::uint64_t clock_ticks() {
  timespec now;
  ::clock_gettime(CLOCK_BOOTTIME, &now);
  const auto ticks = static_cast<std::uint64_t>(::sysconf(_SC_CLK_TCK));
  return static_cast<std::uint64_t>(now.tv_sec) * ticks +
         static_cast<std::uint64_t>(now.tv_nsec) * ticks / 1'000'000'000;
}

std::vector<pid_t> processes_of_job(std::string_view id, const std::vector<WorkerSession>& sessions) {
  std::vector<pid_t> result;
  for (const Process& process : all_processes()) {
    if (process.pid == ::getpid() || process.state == 'Z' || process.state == 'X') continue;
    const bool in_session = std::any_of(sessions.begin(), sessions.end(), [&process](const WorkerSession& session) {
      return process.session == session.leader && process.start < session.reaped;
    });
    if (in_session || carries_job(process.pid, id)) result.push_back(process.pid);
  }
  return result;
}

std::map<pid_t, Activity> activity_of(const std::vector<pid_t>& sessions) {
  std::map<pid_t, Activity> result;
  for (const Process& process : all_processes()) {
    if (std::find(sessions.begin(), sessions.end(), process.session) == sessions.end()) continue;
    Activity& activity = result[process.session];
    activity.used += process.used;
    activity.written += written_by(process.pid);
    activity.waits_for_disk = activity.waits_for_disk || process.state == 'D';
  }
  return result;
}

bool catches_signal(pid_t pid, int signal) {
  const std::string status = proc_text(fmt::format("/proc/{}/status", pid));
  const std::size_t place = status.find("SigCgt:\t");
  if (place == std::string::npos) return false;
  std::uint64_t mask = 0;
  const char* digits = status.c_str() + place + 8;
  std::from_chars(digits, status.c_str() + status.size(), mask, 16);
  return ((mask >> (signal - 1)) & 1) != 0;
}

std::string process_name(pid_t pid) {
  std::string name = proc_text(fmt::format("/proc/{}/comm", pid), 64);
  while (!name.empty() && name.back() == '\n') name.pop_back();
  for (char& c : name)
    if (static_cast<unsigned char>(c) < ' ' || c == '\x7f') c = '?';
  return name.empty() ? "?" : name;
}

std::string unique_process_id() {
  const std::string stat = proc_text("/proc/self/stat", 1024);
  return fmt::format("{}-{}", ::getpid(), start_field(after_name(stat)));
}

std::string signal_name(int signal) {
  const char* name = ::sigabbrev_np(signal);
  return name ? std::string("SIG") + name : fmt::format("signal {}", signal);
}

int signal_number(std::string_view name) {
  if (name.starts_with("SIG")) name.remove_prefix(3);
  for (int signal = 1; signal < NSIG; ++signal) {
    const char* known = ::sigabbrev_np(signal);
    if (known != nullptr && name == known) return signal;
  }
  return 0;
}

}  // namespace lmf::train::launch
