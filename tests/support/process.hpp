#pragma once

#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include <poll.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

namespace lmf::test {

struct Finished {
  int status = -1;  ///< the exit status, or 128 + the signal that ended it
  std::string out, err;
};

using Variables = std::vector<std::pair<std::string, std::string>>;

/// Runs a program with nothing on standard input; `environment` is set on top of this one's, with "" unset. Killed
/// after `silence`, in milliseconds.
inline Finished run_process(const std::vector<std::string>& command, const Variables& environment = {},
                            const std::filesystem::path& folder = {}, int silence = 60000) {
  int out[2], err[2];
  if (::pipe(out) != 0 || ::pipe(err) != 0) return {};
  const pid_t child = ::fork();
  if (child == 0) {
    ::dup2(out[1], STDOUT_FILENO);
    ::dup2(err[1], STDERR_FILENO);
    for (const int end : {out[0], out[1], err[0], err[1]}) ::close(end);
    if (!std::freopen("/dev/null", "r", stdin)) ::_exit(125);
    const rlimit no_core{0, 0};
    ::setrlimit(RLIMIT_CORE, &no_core);
    for (const auto& [name, value] : environment)
      value.empty() ? ::unsetenv(name.c_str()) : ::setenv(name.c_str(), value.c_str(), 1);
    if (!folder.empty() && ::chdir(folder.c_str()) != 0) ::_exit(125);
    std::vector<char*> words;
    for (const auto& word : command) words.push_back(const_cast<char*>(word.c_str()));
    words.push_back(nullptr);
    ::execvp(words[0], words.data());
    ::_exit(125);
  }
  ::close(out[1]);
  ::close(err[1]);
  Finished result;
  pollfd ends[2] = {{out[0], POLLIN, 0}, {err[0], POLLIN, 0}};
  while (ends[0].fd >= 0 || ends[1].fd >= 0) {
    const int ready = ::poll(ends, 2, silence);
    if (ready < 0 && errno == EINTR) continue;
    if (ready <= 0) {
      ::kill(child, SIGKILL);
      break;
    }
    for (pollfd& end : ends) {
      if (end.fd < 0 || end.revents == 0) continue;
      char buffer[4096];
      const ssize_t count = ::read(end.fd, buffer, sizeof buffer);
      if (count > 0)
        (&end == ends ? result.out : result.err).append(buffer, static_cast<std::size_t>(count));
      else
        end.fd = -1;
    }
  }
  ::close(out[0]);
  ::close(err[0]);
  int status = 0;
  ::waitpid(child, &status, 0);
  result.status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  return result;
}

}  // namespace lmf::test
