#include "host/apart.hpp"

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <ctime>

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

namespace lmf::host {
namespace {

constexpr std::size_t kMostAnswerBytes = 64 * 1024;

/// A file in memory: unlike a pipe it never fills up, and no surviving process keeps its reader waiting.
class Memory {
 public:
  Memory() : descriptor_(::memfd_create("lmf", MFD_CLOEXEC)) {}
  ~Memory() { ::close(descriptor_); }
  Memory(const Memory&) = delete;
  Memory& operator=(const Memory&) = delete;

  int descriptor() const { return descriptor_; }
  std::string text() const {
    std::string text(kMostAnswerBytes, '\0');
    const ssize_t count = ::pread(descriptor_, text.data(), text.size(), 0);
    text.resize(count > 0 ? static_cast<std::size_t>(count) : 0);
    return text;
  }

 private:
  int descriptor_;
};

/// Delivered to us and kept: the end of a child is waited for with a limit.
class HeldChildSignal {
 public:
  HeldChildSignal() {
    std::signal(SIGCHLD, SIG_DFL);  // ignored by whoever started us, children would vanish
    sigemptyset(&set_);
    sigaddset(&set_, SIGCHLD);
    ::sigprocmask(SIG_BLOCK, &set_, &before_);
  }
  ~HeldChildSignal() { release(); }
  HeldChildSignal(const HeldChildSignal&) = delete;
  HeldChildSignal& operator=(const HeldChildSignal&) = delete;

  void release() const { ::sigprocmask(SIG_SETMASK, &before_, nullptr); }
  void wait(std::chrono::nanoseconds most) const {
    const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(most);
    const timespec time{seconds.count(), (most - seconds).count()};
    ::sigtimedwait(&set_, nullptr, &time);
  }

 private:
  sigset_t set_, before_;
};

[[noreturn]] void be_child(const std::function<std::string()>& function, const Memory& answer, const Memory& said) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  ::setpgid(0, 0);
  const rlimit no_core{0, 0}, small_files{1 << 20, 1 << 20};
  ::setrlimit(RLIMIT_CORE, &no_core);
  ::setrlimit(RLIMIT_FSIZE, &small_files);
  const int nothing = ::open("/dev/null", O_RDONLY);
  ::dup2(nothing, STDIN_FILENO);
  ::dup2(said.descriptor(), STDOUT_FILENO);
  ::dup2(said.descriptor(), STDERR_FILENO);
  const std::string text = function();
  [[maybe_unused]] const auto written = ::pwrite(answer.descriptor(), text.data(), text.size(), 0);
  ::_exit(0);
}

}  // namespace

Apart run_apart(const std::function<std::string()>& function, std::chrono::seconds limit) {
  using Clock = std::chrono::steady_clock;
  const Memory answer, said;
  const HeldChildSignal held;
  std::fflush(nullptr);  // or the child would write it once more
  const pid_t child = ::fork();
  if (child < 0) return {Apart::End::not_started, errno, {}, {}};
  if (child == 0) {
    held.release();
    be_child(function, answer, said);
  }
  const auto deadline = Clock::now() + limit;
  int status = 0;
  pid_t ended = 0;
  while ((ended = ::waitpid(child, &status, WNOHANG)) == 0 && Clock::now() < deadline)
    held.wait(deadline - Clock::now());
  ::kill(-child, SIGKILL);  // also what it started
  if (ended == 0) {
    ::kill(child, SIGKILL);
    ::waitpid(child, &status, 0);
    return {Apart::End::timed_out, 0, answer.text(), said.text()};
  }
  if (WIFSIGNALED(status)) return {Apart::End::signalled, WTERMSIG(status), answer.text(), said.text()};
  return {Apart::End::exited, WEXITSTATUS(status), answer.text(), said.text()};
}

}  // namespace lmf::host
