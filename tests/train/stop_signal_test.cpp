#include "train/worker/stop_signal.hpp"

#include <initializer_list>
#include <optional>

#include <doctest/doctest.h>
#include <sys/wait.h>
#include <unistd.h>

#include "train/shared/job.hpp"

using namespace lmf;

namespace {

/// The wait status of a child that gets these signals while it listens, and then ends with 0 when `expected` is what it
/// received.
int end_of_child(
    std::initializer_list<int> signals, int expected, void (*before)() = [] {}) {
  const pid_t child = ::fork();
  if (child == 0) {
    before();
    const train::StopSignal guard;
    for (const int signal : signals) std::raise(signal);
    ::_exit(train::StopSignal::received() == expected ? 0 : 1);
  }
  int status = -1;
  ::waitpid(child, &status, 0);
  return status;
}

}  // namespace

TEST_CASE("the first signal is remembered, whatever comes after it") {
  for (const int signal : {SIGTERM, SIGINT, SIGHUP}) CHECK(end_of_child({signal}, signal) == 0);
  CHECK(end_of_child({SIGTERM, SIGTERM, SIGHUP, SIGHUP}, SIGTERM) == 0);
  CHECK(end_of_child({SIGXFSZ, SIGPIPE}, 0) == 0);
}

TEST_CASE("an interrupt after another signal ends the process at once") {
  for (const int first : {SIGINT, SIGTERM}) {
    const int status = end_of_child({first, SIGINT}, first);
    CHECK(WIFEXITED(status));
    CHECK(WEXITSTATUS(status) == 128 + SIGINT);
  }
}

TEST_CASE("word of a lost attempt ends the process at once, or when it has saved; another SIGTERM does not") {
  int pipe[2];
  REQUIRE(::pipe(pipe) == 0);
  const auto end_after = [&pipe](int value, bool saves) {
    const pid_t child = ::fork();
    if (child == 0) {
      const train::StopSignal guard;
      {
        std::optional<train::Saving> saving;
        if (saves) saving.emplace();
        ::sigqueue(::getpid(), SIGTERM, {.sival_int = value});
        if (saves && ::write(pipe[1], "s", 1) != 1) ::_exit(2);
      }
      ::_exit(train::StopSignal::received() == SIGTERM ? 0 : 1);
    }
    int status = -1;
    ::waitpid(child, &status, 0);
    return status;
  };
  const int lost = end_after(train::kAttemptIsLost, false), told = end_after(0, false);
  CHECK(WIFEXITED(lost));
  CHECK(WEXITSTATUS(lost) == 128 + SIGTERM);
  CHECK(told == 0);
  const int lost_while_saving = end_after(train::kAttemptIsLost, true);
  CHECK(WIFEXITED(lost_while_saving));
  CHECK(WEXITSTATUS(lost_while_saving) == 128 + SIGTERM);
  char saved = 0;
  ::close(pipe[1]);
  CHECK(::read(pipe[0], &saved, 1) == 1);
  ::close(pipe[0]);
}

TEST_CASE("a signal that was ignored before stays ignored") {
  const auto nohup = [] { std::signal(SIGHUP, SIG_IGN); };
  CHECK(end_of_child({SIGHUP, SIGTERM}, SIGTERM, nohup) == 0);
}

TEST_CASE("the former handlers come back, and a new guard has received nothing") {
  const auto before = std::signal(SIGHUP, SIG_IGN);
  {
    const train::StopSignal guard;
    std::raise(SIGTERM);
  }
  CHECK((std::signal(SIGHUP, before) == SIG_IGN));
  const train::StopSignal guard;
  CHECK(train::StopSignal::received() == 0);
}
