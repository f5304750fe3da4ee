#include "train/launch/agent/worker.hpp"

#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>

#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <fmt/format.h>

#include "base/files.hpp"
#include "train/launch/agent/signals_blocked.hpp"
#include "train/launch/agent/words.hpp"

namespace lmf::train::launch {
namespace {

std::vector<char*> pointers_to(const std::vector<std::string>& words) {
  std::vector<char*> pointers;
  for (const std::string& word : words) pointers.push_back(const_cast<char*>(word.c_str()));
  pointers.push_back(nullptr);
  return pointers;
}

/// As exec will have them, before a signal can meet the agent's handlers in this process: they would write it into the
/// agent's own pipe, where it counts as the agent's. What is ignored stays so (nohup's SIGHUP), except what the host
/// ignores for itself.
void reset_signals() {
  for (int signal = 1; signal < NSIG; ++signal) {
    struct sigaction action {};
    if (::sigaction(signal, nullptr, &action) != 0) continue;  // of the C library itself
    if (action.sa_handler == SIG_IGN && signal != SIGPIPE && signal != SIGXFSZ) continue;
    action = {};
    action.sa_handler = SIG_DFL;
    ::sigaction(signal, &action, nullptr);
  }
}

/// Between fork and exec: system calls only.
[[noreturn]] void become(const char* program, char* const* words, char* const* environment, int output, int error,
                         int failure, pid_t agent) {
  ::setsid();
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (::getppid() != agent) ::_exit(128 + SIGKILL);  // it died before the line above
  if (output >= 0) ::dup2(output, STDOUT_FILENO);
  if (error >= 0) ::dup2(error, STDERR_FILENO);
  reset_signals();
  sigset_t none;
  ::sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  ::close_range(3, static_cast<unsigned>(failure) - 1, 0);
  ::close_range(static_cast<unsigned>(failure) + 1, ~0U, 0);
  ::execve(program, words, environment);
  const int reason = errno;
  [[maybe_unused]] const ssize_t written = ::write(failure, &reason, sizeof reason);
  ::_exit(reason == ENOENT ? 127 : 126);
}

}  // namespace

std::string program_path(const std::string& name) {
  const char* path = std::getenv("PATH");
  if (name.find('/') != std::string::npos || path == nullptr) return name;
  for (const std::string& folder : split(path, ':')) {
    const std::string candidate = (folder.empty() ? "." : folder) + "/" + name;
    struct stat status;
    if (::stat(candidate.c_str(), &status) == 0 && S_ISREG(status.st_mode) && ::access(candidate.c_str(), X_OK) == 0)
      return candidate;
  }
  return name;
}

Worker::Worker(WorkerPlan plan, WorkerStreams streams) : plan_(std::move(plan)), streams_(std::move(streams)) {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC | O_NONBLOCK) != 0) throw file_error("make a pipe for", plan_.words[0], errno);
  failure_ = FileDescriptor(ends[0]);
  // Never 0, 1 or 2, which become() replaces, even when the agent itself was started without them.
  const FileDescriptor low(ends[1]), theirs(::fcntl(ends[1], F_DUPFD_CLOEXEC, 3));
  const std::string program = program_path(plan_.words[0]);
  const std::vector<char*> words = pointers_to(plan_.words), environment = pointers_to(plan_.environment);
  const pid_t agent = ::getpid();
  {
    const SignalsBlocked until_they_are_the_childs_own;
    pid_ = ::fork();
    if (pid_ == 0)
      become(program.c_str(), words.data(), environment.data(), streams_.output.get(), streams_.error.get(),
             theirs.get(), agent);
  }
  if (pid_ < 0) throw file_error("start a process for", plan_.words[0], errno);
  streams_.output.reset();
  streams_.error.reset();
}

void Worker::signal_group(int signal) const {
  // A child that has no group of its own yet holds the signal back until it has.
  if (::kill(-pid_, signal) != 0 && errno == ESRCH) ::kill(pid_, signal);
}

bool Worker::has_become_program() const {
  pollfd words{failure_.get(), POLLIN, 0};
  return ::poll(&words, 1, 0) == 1 && (words.revents & POLLIN) == 0;  // exec closes the other end
}

void Worker::tell_to_stop(int signal) {
  if (ending_) return;
  told_to_stop_ = true;
  signal_group(signal);
  if (signal != SIGKILL) signal_group(SIGCONT);  // a stopped process would not hear of it
}

void Worker::has_ended(int code, int status) {
  Ending ending;
  ending.when = std::chrono::system_clock::now();
  (code == CLD_EXITED ? ending.exit_code : ending.signal) = status;
  ending.start_failure = start_failure();
  ending_ = std::move(ending);
  signal_group(SIGTERM);
  streams_.drain();
}

std::string Worker::start_failure() {
  int reason = 0;
  const ssize_t count = ::read(failure_.get(), &reason, sizeof reason);
  failure_.reset();
  return count == sizeof reason ? std::strerror(reason) : "";
}

}  // namespace lmf::train::launch
