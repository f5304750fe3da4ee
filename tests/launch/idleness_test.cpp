// Which sessions only wait. The time is the test's own.
#include <doctest/doctest.h>

#include <csignal>
#include <ctime>
#include <string>
#include <vector>

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "train/launch/agent/idleness.hpp"

using namespace lmf::train::launch;
using namespace std::chrono_literals;

namespace {

/// Uses a tenth of a second of the processor.
void work() {
  for (const std::clock_t begin = std::clock(); std::clock() - begin < CLOCKS_PER_SEC / 10;) continue;
}

/// A session of two processes, of which the second is nobody's child there. Each does as it is told, and says so.
class Session {
 public:
  Session() {
    REQUIRE(::prctl(PR_SET_CHILD_SUBREAPER, 1) == 0);
    for (auto* ends : {first_, second_, done_}) REQUIRE(::pipe(ends) == 0);
    leader_ = ::fork();
    REQUIRE(leader_ >= 0);
    if (leader_ != 0) {
      expect_done();
      return;
    }
    ::setsid();
    if (::fork() == 0) {
      if (::fork() != 0) ::_exit(0);
      obey(second_[0]);
    }
    ::wait(nullptr);
    answer();
    obey(first_[0]);
  }
  ~Session() {
    for (auto* ends : {first_, second_, done_})
      for (int end = 0; end < 2; ++end) ::close(ends[end]);
    ::kill(-leader_, SIGKILL);
    while (::waitpid(-1, nullptr, 0) > 0) continue;
  }
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  pid_t leader() const { return leader_; }
  void first(char what) { tell(first_[1], what); }
  void second(char what) { tell(second_[1], what); }
  void end_second() {
    REQUIRE(::write(second_[1], "e", 1) == 1);
    REQUIRE(::waitpid(-leader_, nullptr, 0) > 0);  // it has become this process's child
  }

 private:
  void tell(int to, char what) {
    REQUIRE(::write(to, &what, 1) == 1);
    expect_done();
  }
  void expect_done() {
    char said = 0;
    REQUIRE(::read(done_[0], &said, 1) == 1);
  }
  void answer() { [[maybe_unused]] const auto written = ::write(done_[1], "d", 1); }
  [[noreturn]] void obey(int from) {
    static const char some[8192] = {};
    for (char what = 0; ::read(from, &what, 1) == 1 && what != 'e'; answer()) {
      if (what == 'u') work();
      if (what == 'w') [[maybe_unused]]
        const auto written = ::write(::open("/dev/null", O_WRONLY), some, sizeof some);
    }
    ::_exit(0);
  }

  int first_[2], second_[2], done_[2];
  pid_t leader_;
};

}  // namespace

TEST_CASE("a session is idle when it has done nothing for as long as the limit") {
  Session session;
  Idleness idleness(5s);
  const std::vector<pid_t> sessions = {session.leader()}, none;
  auto now = Clock::now();
  const auto idle = [&](std::chrono::seconds later) { return idleness.look(sessions, now += later) == sessions; };
  session.second('u');  // before anybody looks
  CHECK_FALSE(idle(0s));
  CHECK_FALSE(idle(4s));
  CHECK(idle(1s));
  CHECK(idle(1s));
  for (const char what : {'u', 'w'}) {
    session.first(what);
    CHECK_FALSE(idle(1s));
    CHECK_FALSE(idle(4s));
    CHECK(idle(1s));
    session.second(what);
    CHECK_FALSE(idle(1s));
    CHECK(idle(5s));
  }
  session.first('n');  // it is there, and answers: that is nothing
  CHECK(idle(1s));
  session.end_second();  // with what it had used
  CHECK_FALSE(idle(1s));
  CHECK_FALSE(idle(4s));
  CHECK(idle(1s));
  CHECK(idleness.look(none, now) == none);
}
