#include "train/launch/agent/worker.hpp"

#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>

#include <sched.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fmt/format.h>

#include "base/files.hpp"
#include "train/launch/agent/signals_blocked.hpp"
#include "train/launch/agent/words.hpp"
#include "train/shared/job.hpp"

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
[[gnu::no_sanitize("address")]] void reset_signals() {
  for (int signal = 1; signal < NSIG; ++signal) {
    struct sigaction action {};
    if (::sigaction(signal, nullptr, &action) != 0) continue;  // of the C library itself
    if (action.sa_handler == SIG_IGN && signal != SIGPIPE && signal != SIGXFSZ) continue;
    action = {};
    action.sa_handler = SIG_DFL;
    ::sigaction(signal, &action, nullptr);
  }
}

struct Child {
  const char* program;
  char* const* words;
  char* const* environment;
  int output, error;
  pid_t agent;
  int failure = 0;  ///< errno, when it cannot become the program
};

/// In the agent's own memory, while the agent waits: system calls only, and no frame that a sanitizer would mark there:
/// exec ends none of them.
[[gnu::no_sanitize("address")]] int become(void* of) {
  Child& child = *static_cast<Child*>(of);
  ::setsid();
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (::getppid() != child.agent) ::_exit(128 + SIGKILL);  // it died before the line above
  if (child.output >= 0) ::dup2(child.output, STDOUT_FILENO);
  if (child.error >= 0) ::dup2(child.error, STDERR_FILENO);
  reset_signals();
  sigset_t none;
  ::sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  ::close_range(3, ~0U, 0);
  ::execve(child.program, child.words, child.environment);
  child.failure = errno;
  ::_exit(child.failure == ENOENT ? 127 : 126);
}

/// As vfork(): nothing of this process is copied, and it goes on when the child has become the program, or has failed.
pid_t start(Child& child) {
  alignas(16) char stack[64 * 1024];
  const SignalsBlocked until_they_are_the_childs_own;
  return ::clone(become, stack + sizeof stack, CLONE_VM | CLONE_VFORK | SIGCHLD, &child);
}

Error cannot_start(const std::string& program, int error_number) {
  Error error = file_error("start a process for", program, error_number);
  if (error_number != EAGAIN) return error;
  return Error(error.what(), "raise the limit on processes (ulimit -u, or the container's), or start fewer workers");
}

std::string why_not(const std::string& program, int error_number) {
  if (error_number == ENOENT && ::access(program.c_str(), F_OK) == 0)
    return "the interpreter that it names is not there";
  return std::strerror(error_number);
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
  const std::vector<char*> words = pointers_to(plan_.words), environment = pointers_to(plan_.environment);
  Child child{.program = plan_.program.c_str(),
              .words = words.data(),
              .environment = environment.data(),
              .output = streams_.output.get(),
              .error = streams_.error.get(),
              .agent = ::getpid()};
  pid_ = start(child);
  if (pid_ < 0) throw cannot_start(plan_.words[0], errno);
  if (child.failure != 0) start_failure_ = why_not(plan_.program, child.failure);
  streams_.output.reset();
  streams_.error.reset();
}

void Worker::signal_group(int signal) const { ::kill(-pid_, signal); }

void Worker::tell_to_stop(int signal) {
  if (ending_) return;
  told_to_stop_ = true;
  signal_group(signal);
  if (signal != SIGKILL) signal_group(SIGCONT);  // a stopped process would not hear of it
}

void Worker::tell_of_loss() {
  if (!ending_ && plan_.hears_of_loss) ::sigqueue(pid_, SIGTERM, {.sival_int = kAttemptIsLost});
  tell_to_stop(SIGTERM);
}

void Worker::has_ended(int code, int status) {
  Ending ending;
  ending.when = std::chrono::system_clock::now();
  (code == CLD_EXITED ? ending.exit_code : ending.signal) = status;
  ending.start_failure = start_failure_;
  ending_ = std::move(ending);
  signal_group(SIGTERM);
  streams_.drain();
}

}  // namespace lmf::train::launch
