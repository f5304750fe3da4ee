#pragma once

#include <cerrno>
#include <string>
#include <utility>
#include <vector>

#include <doctest/doctest.h>
#include <fcntl.h>
#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include "base/files.hpp"
#include "support/places.hpp"

namespace lmf::test {

/// Becomes the command. It is ended by SIGALRM after two minutes, whatever keeps it: a test that waits for it, or for
/// its output, ends too.
[[noreturn]] inline void execute(std::vector<std::string> command) {
  ::alarm(120);
  // As a shell at a terminal starts programs; a script's background job, which this may be, has some ignored.
  for (const int signal : {SIGINT, SIGQUIT, SIGHUP, SIGPIPE, SIGTERM}) ::signal(signal, SIG_DFL);
  std::vector<char*> words;
  for (auto& word : command) words.push_back(word.data());
  words.push_back(nullptr);
  ::execv(words[0], words.data());
  ::_exit(127);
}

/// The exit status as a shell gives it.
inline int wait_for(pid_t process) {
  int status = 0;
  ::waitpid(process, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

struct Finished {
  int status;
  std::string out, err;
};

/// Runs a program as a script would: `input` on its standard input, its two outputs apart.
inline Finished run_program(const std::vector<std::string>& command, const std::string& input = "") {
  const TemporaryFolder folder;
  const auto file = [&](const char* name) { return folder.path() / name; };
  write_file_atomically(file("in"), input);
  const pid_t process = ::fork();
  REQUIRE(process >= 0);
  if (process == 0) {
    ::dup2(::open(file("in").c_str(), O_RDONLY), STDIN_FILENO);
    ::dup2(::open(file("out").c_str(), O_WRONLY | O_CREAT, 0600), STDOUT_FILENO);
    ::dup2(::open(file("err").c_str(), O_WRONLY | O_CREAT, 0600), STDERR_FILENO);
    execute(command);
  }
  const int status = wait_for(process);
  return {status, read_file(file("out")), read_file(file("err"))};
}

/// A program run in a pseudo-terminal, as a person would; killed at the end if it still runs. It has a session leader,
/// as a shell would be, that stays and keeps the terminal open until everything is read: when a leader ends or nobody
/// has the terminal open any more, a reader may miss what was written last.
class TerminalProgram {
 public:
  TerminalProgram(std::vector<std::string> command,
                  const std::vector<std::pair<std::string, std::string>>& environment = {}) {
    winsize size{24, 200, 0, 0};
    int ends[2];
    REQUIRE(::pipe2(ends, O_CLOEXEC) == 0);
    leader_ = ::forkpty(&terminal_, nullptr, nullptr, &size);
    REQUIRE(leader_ >= 0);
    status_ = ends[0];
    if (leader_ == 0) lead(std::move(command), environment, ends[1]);
    ::close(ends[1]);
  }
  ~TerminalProgram() {
    ::kill(-leader_, SIGKILL);  // its process group
    wait_for(leader_);
    if (terminal_ >= 0) ::close(terminal_);
    ::close(status_);
  }
  TerminalProgram(const TerminalProgram&) = delete;
  TerminalProgram& operator=(const TerminalProgram&) = delete;

  void type(const std::string& keys) {
    REQUIRE(::write(terminal_, keys.data(), keys.size()) == static_cast<ssize_t>(keys.size()));
  }

  /// Reads until `text` was seen after what earlier calls saw; false, and what was seen is told, when the program ends.
  bool shows(const std::string& text) {
    std::size_t place;
    while ((place = screen_.find(text, seen_)) == screen_.npos) {
      if (read_more()) continue;
      MESSAGE("the program ended without showing '" << text << "'; the screen:\n" << screen_);
      return false;
    }
    seen_ = place + text.size();
    return true;
  }

  /// Reads what is left and waits: the exit status, or 128 + the signal that ended it.
  int status() {
    while (terminal_ >= 0 && read_more()) {
    }
    int status = -1;
    REQUIRE(::read(status_, &status, sizeof status) == sizeof status);
    if (status == 128 + SIGALRM) MESSAGE("the program did not end by itself; the screen:\n" << screen_);
    return status;
  }

  /// The terminal goes away; its shell stays, so that no signal reaches the program.
  void hang_up() {
    ::close(terminal_);
    terminal_ = -1;
  }

  void send(int signal) { ::kill(-leader_, signal); }

  /// The terminal's state, as the program or its shell sets it.
  termios mode() const {
    termios mode{};
    REQUIRE(::tcgetattr(terminal_, &mode) == 0);
    return mode;
  }
  void set_mode(const termios& mode) { REQUIRE(::tcsetattr(terminal_, TCSANOW, &mode) == 0); }

 private:
  [[noreturn]] static void lead(std::vector<std::string> command,
                                const std::vector<std::pair<std::string, std::string>>& environment, int result) {
    for (const int signal : {SIGINT, SIGTERM, SIGHUP}) ::signal(signal, SIG_IGN);  // they are for the program
    const pid_t program = ::fork();
    if (program == 0) {
      ::setenv("TERM", "xterm", 1);
      for (const auto& [name, value] : environment) ::setenv(name.c_str(), value.c_str(), 1);
      execute(std::move(command));
    }
    const int status = wait_for(program);
    if (::write(result, &status, sizeof status) < 0) ::_exit(1);
    for (;;) ::pause();
  }

  /// False once the program has ended and everything it wrote is read.
  bool read_more() {
    pollfd ends[2] = {{terminal_, POLLIN, 0}, {status_, POLLIN, 0}};
    while (::poll(ends, 2, -1) < 0 && errno == EINTR) {
    }
    // It may have written and ended after its terminal was looked at.
    if (ends[0].revents == 0 && ::poll(ends, 1, 0) <= 0) return false;
    char bytes[4096];
    const ssize_t count = ::read(terminal_, bytes, sizeof bytes);
    if (count <= 0) return false;
    screen_.append(bytes, static_cast<std::size_t>(count));
    return true;
  }

  int terminal_ = -1, status_ = -1;
  pid_t leader_ = -1;
  std::string screen_;
  std::size_t seen_ = 0;
};

}  // namespace lmf::test
