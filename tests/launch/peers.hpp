#pragma once

#include <chrono>
#include <csignal>
#include <deque>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include <doctest/doctest.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

namespace lmf::test {

/// A program that is talked to line by line. Its standard error goes where the test's goes.
class Program {
 public:
  explicit Program(const std::vector<std::string>& command) : name_(command.front()) {
    int in[2], out[2];
    REQUIRE(::pipe2(in, O_CLOEXEC) == 0);
    REQUIRE(::pipe2(out, O_CLOEXEC) == 0);
    process_ = ::fork();
    if (process_ == 0) {
      ::prctl(PR_SET_PDEATHSIG, SIGKILL);
      ::dup2(in[0], STDIN_FILENO);
      ::dup2(out[1], STDOUT_FILENO);
      std::vector<char*> words;
      for (const auto& word : command) words.push_back(const_cast<char*>(word.c_str()));
      words.push_back(nullptr);
      ::execvp(words[0], words.data());
      ::_exit(125);
    }
    ::close(in[0]);
    ::close(out[1]);
    input_ = in[1];
    output_ = out[0];
  }
  ~Program() {
    if (process_ > 0) {
      ::kill(process_, SIGKILL);
      ::waitpid(process_, nullptr, 0);
    }
    ::close(input_);
    ::close(output_);
  }
  Program(const Program&) = delete;
  Program& operator=(const Program&) = delete;

  void tell(const std::string& line) {
    const std::string bytes = line + "\n";
    std::signal(SIGPIPE, SIG_IGN);
    REQUIRE(::write(input_, bytes.data(), bytes.size()) == static_cast<ssize_t>(bytes.size()));
  }
  void signal(int number) { REQUIRE(::kill(process_, number) == 0); }
  pid_t process() const { return process_; }

  /// The next line that begins so; others are passed over. "" when the program ends or is silent for a minute.
  std::string line(const std::string& begin) {
    while (read_line()) {
      const std::string text = lines_.front();
      lines_.pop_front();
      seen_ += text + "\n";
      if (text.starts_with(begin)) return text;
    }
    INFO("it said: ", seen_);
    FAIL_CHECK(name_, " does not say ", begin);
    return {};
  }
  /// Waits for its end: the exit status, or 128 + the signal.
  int status() {
    // What is silent then will not end by itself.
    bool silent = false;
    while (read_line(&silent)) {
      seen_ += lines_.front() + "\n";
      lines_.pop_front();
    }
    if (silent) {
      FAIL_CHECK(name_, " does not end");
      ::kill(process_, SIGKILL);
    }
    int status = 0;
    ::waitpid(process_, &status, 0);
    process_ = -1;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  }
  const std::string& seen() const { return seen_; }

 private:
  bool read_line(bool* silent = nullptr) {
    for (;;) {
      const auto end = unread_.find('\n');
      if (end != std::string::npos) {
        lines_.push_back(unread_.substr(0, end));
        unread_.erase(0, end + 1);
        return true;
      }
      pollfd ready{output_, POLLIN, 0};
      if (::poll(&ready, 1, 60000) <= 0) {
        if (silent) *silent = true;
        return false;
      }
      char buffer[4096];
      const ssize_t count = ::read(output_, buffer, sizeof buffer);
      if (count <= 0) return false;
      unread_.append(buffer, static_cast<std::size_t>(count));
    }
  }

  std::string name_, unread_, seen_;
  std::deque<std::string> lines_;
  pid_t process_ = -1;
  int input_ = -1, output_ = -1;
};

}  // namespace lmf::test
