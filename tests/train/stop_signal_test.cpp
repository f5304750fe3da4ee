#include "train/worker/stop_signal.hpp"

#include <initializer_list>

#include <doctest/doctest.h>
#include <sys/wait.h>
#include <unistd.h>

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
