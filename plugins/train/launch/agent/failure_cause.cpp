#include "train/launch/agent/failure_cause.hpp"

#include <algorithm>
#include <csignal>
#include <fstream>

#include <fcntl.h>
#include <unistd.h>

#include <fmt/format.h>

#include "base/port_owner.hpp"
#include "train/launch/agent/file_descriptor.hpp"
#include "train/launch/agent/late_collective.hpp"
#include "train/launch/agent/processes.hpp"
#include "train/launch/agent/words.hpp"

namespace lmf::train::launch {
namespace {

/// The number after `name` in a file of "name number" lines.
std::uint64_t counter_in(const std::string& path, const std::string& name) {
  std::ifstream file(path);
  std::string word;
  std::uint64_t value = 0;
  while (file >> word >> value)
    if (word == name) return value;
  return 0;
}

/// The kernel's log says whom it killed for want of memory. Only root may read it everywhere.
bool kernel_marked(pid_t pid) {
  FileDescriptor log(::open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC));
  if (!log) return false;
  const std::string mark = fmt::format("Killed process {} ", pid);
  char record[8192];
  for (;;) {
    const ssize_t count = ::read(log.get(), record, sizeof record);
    if (count < 0 && (errno == EPIPE || errno == EINTR)) continue;  // overwritten meanwhile: the next one
    if (count <= 0) return false;
    if (std::string_view(record, static_cast<std::size_t>(count)).find(mark) != std::string_view::npos) return true;
  }
}

std::string killed(pid_t pid, std::uint64_t kills_before) {
  if (out_of_memory_kills() > kills_before || kernel_marked(pid))
    return "the kernel killed it because memory ran out: use a smaller batch or fewer workers per node, or give the "
           "job more memory";
  return "it was killed from outside: not by this launcher, and no sign of the kernel's out-of-memory killer";
}

/// What the last lines say, when the program could say it itself. The first hit counts.
struct Phrase {
  const char* text;
  const char* meaning;
};
constexpr const char* kAnotherFirst = "another rank ended first";
constexpr Phrase kPhrases[] = {
    {"CUDA out of memory", "the GPU's memory ran out: use a smaller batch, a shorter cutoff_len, or more GPUs"},
    {"OutOfMemoryError", "the GPU's memory ran out: use a smaller batch, a shorter cutoff_len, or more GPUs"},
    {"Connection closed by peer", kAnotherFirst},
    {"Connection reset by peer", kAnotherFirst},
    {"No space left on device", "a disk is full"},
    {"Disk quota exceeded", "a disk quota is used up"},
};

/// "libx.so" of "...: libx.so: cannot open shared object file: ...".
std::string missing_library(const std::string& line) {
  const std::size_t end = line.find(": cannot open shared object file");
  if (end == std::string::npos) return {};
  const std::size_t before = line.find_last_of(" :", end - 1);
  const std::size_t begin = before == std::string::npos ? 0 : before + 1;
  return line.substr(begin, end - begin);
}

std::string said_in(const std::vector<std::string>& lines, const Circumstances& circumstances) {
  if (const auto late = late_collective(lines))
    return explain_late(*late, circumstances.at_work, circumstances.several_nodes);
  const std::uint16_t master_port = circumstances.master_port;
  for (auto line = lines.rbegin(); line != lines.rend(); ++line) {
    if (const std::string library = missing_library(*line); !library.empty())
      return fmt::format("{} is missing on this machine: install it, or add its folder to LD_LIBRARY_PATH", library);
    if (line->find("ddress already in use") != std::string::npos || line->find("EADDRINUSE") != std::string::npos) {
      const std::string port = std::to_string(master_port);
      if (line->find(port) == std::string::npos) return "a port that it wanted is taken";
      const std::string owner = port_owner(master_port);
      return fmt::format("port {} is taken: {} listens there", port, owner.empty() ? "nobody any more" : owner);
    }
    for (const Phrase& phrase : kPhrases)
      if (line->find(phrase.text) != std::string::npos)
        return std::string(phrase.meaning) + (phrase.meaning == kAnotherFirst && circumstances.several_nodes
                                                  ? ": look for an earlier failure on the other nodes"
                                                  : "");
  }
  return {};
}

}  // namespace

std::uint64_t out_of_memory_kills() {
  std::ifstream file("/proc/self/cgroup");
  std::uint64_t kills = 0;
  for (std::string line; std::getline(file, line);) {
    const std::vector<std::string> fields = split(line, ':');  // number:controllers:path
    if (fields.size() < 3) continue;
    const std::string& path = fields[2];
    if (fields[1].empty()) {
      // A container may see its own group as the top.
      for (const std::string& folder : {"/sys/fs/cgroup" + path, std::string("/sys/fs/cgroup")})
        if (const std::uint64_t count = counter_in(folder + "/memory.events", "oom_kill"); count > 0) return count;
    } else if (fields[1] == "memory") {
      kills = std::max(kills, counter_in("/sys/fs/cgroup/memory" + path + "/memory.oom_control", "oom_kill"));
    }
  }
  return kills;
}

std::string cause_of(const Ending& ending, pid_t pid, const std::vector<std::string>& last_lines,
                     const Circumstances& circumstances) {
  if (!ending.start_failure.empty()) return fmt::format("the program could not be started: {}", ending.start_failure);
  if (ending.signal == SIGKILL) return killed(pid, circumstances.kills_before);
  if (ending.signal == SIGSEGV || ending.signal == SIGBUS || ending.signal == SIGILL || ending.signal == SIGABRT ||
      ending.signal == SIGFPE) {
    const std::string said = said_in(last_lines, circumstances);
    return said.empty() ? "it crashed: that is a fault of the program or of a library it uses" : said;
  }
  return said_in(last_lines, circumstances);
}

}  // namespace lmf::train::launch
