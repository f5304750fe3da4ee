#include "child.hpp"

#include <cerrno>
#include <csignal>
#include <cstring>
#include <exception>

#include <fcntl.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fmt/format.h>

#include "lmf/error.hpp"

namespace lmf::env {
namespace {

constexpr int kWorkFailed = 120;
constexpr std::size_t kMostOutput = 1 << 20;

[[noreturn]] void run_in_child(const std::function<void(int)>& work, int output) {
  for (const int fatal : {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT}) std::signal(fatal, SIG_DFL);
  std::set_terminate([] { std::abort(); });
  const rlimit no_core{0, 0};
  ::setrlimit(RLIMIT_CORE, &no_core);
  if (const int nowhere = ::open("/dev/null", O_WRONLY); nowhere >= 0) ::dup2(nowhere, STDERR_FILENO);
  try {
    work(output);
  } catch (const std::exception& error) {
    write_all(output, error.what());
    ::_exit(kWorkFailed);
  }
  ::_exit(0);  // no destructors: what was loaded may not survive its own
}

/// Reads to the end or to the deadline; false when that came first.
bool read_until(int input, std::chrono::steady_clock::time_point deadline, std::string& text) {
  char buffer[4096];
  for (;;) {
    const auto left =
        std::chrono::duration_cast<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now());
    pollfd ready{input, POLLIN, 0};
    const int events = left.count() > 0 ? ::poll(&ready, 1, static_cast<int>(left.count())) : 0;
    if (events < 0 && errno == EINTR) continue;
    if (events <= 0) return false;
    const ssize_t count = ::read(input, buffer, sizeof buffer);
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0 || text.size() > kMostOutput) return true;
    text.append(buffer, static_cast<std::size_t>(count));
  }
}

}  // namespace

void write_all(int output, const std::string& text) {
  for (std::size_t done = 0; done < text.size();) {
    const ssize_t count = ::write(output, text.data() + done, text.size() - done);
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return;
    done += static_cast<std::size_t>(count);
  }
}

std::string in_child(const std::function<void(int)>& work, int well, std::chrono::seconds limit) {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) throw Error(fmt::format("no pipe: {}", std::strerror(errno)));
  const pid_t child = ::fork();
  if (child < 0) {
    const int reason = errno;
    ::close(ends[0]);
    ::close(ends[1]);
    throw Error(fmt::format("no child process: {}", std::strerror(reason)));
  }
  if (child == 0) run_in_child(work, ends[1]);
  ::close(ends[1]);
  std::string text;
  const bool ended = read_until(ends[0], std::chrono::steady_clock::now() + limit, text);
  ::close(ends[0]);
  if (!ended) ::kill(child, SIGKILL);
  int status = 0;
  while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  if (!ended) throw Error(fmt::format("no answer within {} s", limit.count()));
  if (WIFSIGNALED(status)) throw Error(fmt::format("it crashes when it is loaded: {}", strsignal(WTERMSIG(status))));
  if (WEXITSTATUS(status) == kWorkFailed) throw Error(text);
  if (WEXITSTATUS(status) > well) throw Error(fmt::format("it ended with status {}", WEXITSTATUS(status)));
  return text;
}

}  // namespace lmf::env
