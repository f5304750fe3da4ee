// The agent's workers as processes, and how it hears of what happens to them.
#include <doctest/doctest.h>

#include <cerrno>
#include <csignal>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/log.hpp"
#include "launch/on_loop.hpp"
#include "train/launch/agent/worker_group.hpp"

using namespace lmf::train::launch;
using lmf::test::in;
using lmf::test::on_loop;
using lmf::test::soon;
using namespace std::chrono_literals;

namespace {

WorkerPlan shell(int rank, const std::string& script) {
  WorkerPlan plan;
  plan.rank = plan.local_rank = rank;
  plan.program = "/bin/sh";
  plan.words = {plan.program, "-c", script};
  return plan;
}

/// Its standard output is a copy of that file.
WorkerStreams streams_into(int file) {
  WorkerStreams streams;
  streams.output = FileDescriptor(::fcntl(file, F_DUPFD_CLOEXEC, 3));
  return streams;
}

/// Keeps the agent's only thread busy until the process has ended: it hears of nothing meanwhile.
void busy_until_ended(pid_t process) {
  siginfo_t ended = {};
  int failed = 0;
  do {
    failed = ::waitid(P_PID, static_cast<id_t>(process), &ended, WEXITED | WNOWAIT);
  } while (failed != 0 && errno == EINTR);
  REQUIRE(failed == 0);
}

}  // namespace

TEST_CASE("a wake reaches all who wait, and who waits later waits for the next") {
  on_loop([](boost::asio::io_context& context) -> Task<void> {
    Wake wake(context);
    int woken = 0;
    const auto wait = [](Wake& on, int& count) -> Task<void> {
      co_await on.wait();
      ++count;
    };
    for (int i = 0; i < 3; ++i) boost::asio::co_spawn(context, wait(wake, woken), boost::asio::detached);
    while (woken < 3) {
      wake.notify();  // before they wait it reaches nobody, and is not kept
      co_await wake.wait(in(1ms));
    }
    wake.notify();
    co_await wake.wait(in(1ms));  // ends by its own limit
    CHECK(woken == 3);
  });
}

TEST_CASE("workers that end while the agent is busy are all heard of afterwards, each with its own status") {
  on_loop([](boost::asio::io_context& context) -> Task<void> {
    Guard guard("test", "");
    Wake wake(context);
    WorkerGroup group(context, guard, wake);
    constexpr int kWorkers = 8;
    for (int rank = 0; rank < kWorkers; ++rank)
      group.start(shell(rank, "exit " + std::to_string(rank)), WorkerStreams());
    for (const auto& worker : group.workers()) busy_until_ended(worker->pid());  // one signal for all of them, or two
    CHECK(group.running());
    CHECK_FALSE(group.failed());
    while (group.running()) co_await wake.wait();
    CHECK(group.failed());
    for (const auto& worker : group.workers()) {
      REQUIRE(worker->ending());
      CHECK(worker->ending()->status() == worker->plan().rank);
    }
    const bool hurry = false;
    CHECK(co_await group.gone({30s}, hurry));
  });
}

TEST_CASE("a worker that ends by itself while the agent is busy telling it to stop has failed by itself") {
  on_loop([](boost::asio::io_context& context) -> Task<void> {
    Guard guard("test", "");
    Wake wake(context);
    WorkerGroup group(context, guard, wake);
    group.start(shell(0, "exit 3"), WorkerStreams());
    group.start(shell(1, "exec sleep 600"), WorkerStreams());
    busy_until_ended(group.workers().front()->pid());
    while (!group.failed()) co_await wake.wait();
    group.tell_to_stop(SIGTERM);
    const bool hurry = false;
    CHECK(co_await group.gone({30s}, hurry));
    CHECK_FALSE(group.workers()[0]->told_to_stop());
    CHECK(group.workers()[0]->ending()->status() == 3);
    CHECK(group.workers()[1]->told_to_stop());
    CHECK(group.workers()[1]->ending()->status() == 128 + SIGTERM);
  });
}

TEST_CASE("a guard in the place of another knows what that one was to end") {
  REQUIRE(::prctl(PR_SET_CHILD_SUBREAPER, 1) == 0);
  int ready[2];
  REQUIRE(::pipe2(ready, O_CLOEXEC) == 0);
  const pid_t agent = ::fork();
  REQUIRE(agent >= 0);
  if (agent == 0) {
    Guard guard("no job's", "");
    const pid_t session = ::fork();
    if (session == 0) {
      ::setsid();
      for (;;) ::pause();
    }
    while (::getsid(session) != session) ::usleep(1000);  // a guard looks once
    guard.watch_session({session});
    ::kill(guard.pid(), SIGKILL);
    guard.replace();
    [[maybe_unused]] const auto written = ::write(ready[1], &session, sizeof session);
    ::_exit(0);  // as if killed: the guard is not dismissed
  }
  pid_t session = 0;
  REQUIRE(::read(ready[0], &session, sizeof session) == sizeof session);
  int status = 0;
  CHECK(::waitpid(agent, nullptr, 0) == agent);  // then the others are this process's children
  CHECK(::waitpid(session, &status, 0) == session);
  CHECK(WIFSIGNALED(status));
  while (::waitpid(-1, nullptr, 0) > 0) continue;  // the guards
  for (const int end : ready) ::close(end);
}

TEST_CASE("a guard that is stopped does not hold up the end") {
  const Guard guard("test", "");
  REQUIRE(::kill(guard.pid(), SIGSTOP) == 0);
  siginfo_t stopped = {};
  CHECK(::waitid(P_PID, static_cast<id_t>(guard.pid()), &stopped, WSTOPPED) == 0);
}

TEST_CASE("the loss of the guard is noticed, said, and mended") {
  on_loop([](boost::asio::io_context& context) -> Task<void> {
    std::string said;
    Wake wake(context);
    lmf::log::set_sink(
        [&](lmf::log::Level, std::string_view text) {
          said += text;
          wake.notify();
        },
        lmf::log::Level::info);
    Guard guard("test", "");
    GuardWatch watch(context, guard);
    for (int time = 0; time < 2; ++time) {
      const pid_t before = guard.pid();
      ::kill(before, SIGKILL);
      while (guard.pid() == before) co_await wake.wait(in(10ms));
      CHECK(said == fmt::format("the launcher's guard (process {}) was ended from outside; process {} takes its place",
                                before, guard.pid()));
      said.clear();
      CHECK(::kill(guard.pid(), 0) == 0);
    }
    lmf::log::set_sink({}, lmf::log::Level::off);
  });
}

TEST_CASE("a guard that is ended again and again is given up, with a word") {
  const auto before = ::signal(SIGPIPE, SIG_IGN);  // as the agent has it
  on_loop([](boost::asio::io_context& context) -> Task<void> {
    std::string said;
    Wake wake(context);
    lmf::log::set_sink([&](lmf::log::Level, std::string_view text) { said += text; }, lmf::log::Level::info);
    Guard guard("test", "");
    GuardWatch watch(context, guard);
    for (pid_t killed = 0; said.find("each was ended at once") == said.npos; co_await wake.wait(in(1ms)))
      if (guard.pid() != std::exchange(killed, guard.pid())) ::kill(guard.pid(), SIGKILL);
    CHECK(said.find("there is no other") != said.npos);
    lmf::log::set_sink({}, lmf::log::Level::off);
  });
  ::signal(SIGPIPE, before);
}

TEST_CASE("of workers that were told of a loss, one that only waits is killed, and one that works has its time") {
  on_loop([](boost::asio::io_context& context) -> Task<void> {
    std::string said;
    lmf::log::set_sink([&](lmf::log::Level, std::string_view text) { said += text; }, lmf::log::Level::info);
    Guard guard("test", "");
    Wake wake(context);
    WorkerGroup group(context, guard, wake);
    int ready[2];
    REQUIRE(::pipe(ready) == 0);
    group.start(shell(0, "trap '' TERM; echo; exec sleep 600"), streams_into(ready[1]));
    // For as long as the other one is there.
    group.start(shell(1, fmt::format("trap 'while kill -0 {} 2> /dev/null; do :; done; exit 5' TERM; echo; "
                                     "while :; do sleep 0.01; done",
                                     group.workers()[0]->pid())),
                streams_into(ready[1]));
    for (int worker = 0; worker < 2; ++worker) {
      char line = 0;
      REQUIRE(::read(ready[0], &line, 1) == 1);
    }
    group.tell_of_loss();
    const bool hurry = false;
    CHECK(co_await group.gone({.most = 600s, .idle = 1s}, hurry));
    CHECK(group.workers()[0]->ending()->signal == SIGKILL);
    CHECK(group.workers()[1]->ending()->status() == 5);
    CHECK_MESSAGE(
        said == fmt::format("rank 0 (process {}) has done nothing for 1 s since it was told to stop: it is killed",
                            group.workers()[0]->pid()),
        said);
    lmf::log::set_sink({}, lmf::log::Level::off);
    for (const int end : ready) ::close(end);
  });
}

TEST_CASE("who does not end is named, and how long it is waited for") {
  REQUIRE(::prctl(PR_SET_CHILD_SUBREAPER, 1) == 0);
  on_loop([](boost::asio::io_context& context) -> Task<void> {
    bool hurry = false;
    std::string said;
    lmf::log::set_sink(
        [&](lmf::log::Level, std::string_view text) {
          said += text;
          hurry = true;  // all that was to be seen
        },
        lmf::log::Level::info);
    Guard guard("test", "");
    Wake wake(context);
    WorkerGroup group(context, guard, wake);
    std::string expected;
    int ready[2];
    REQUIRE(::pipe(ready) == 0);
    SUBCASE("a worker") {
      group.start(shell(3, "trap '' TERM; echo; while :; do sleep 600; done"), streams_into(ready[1]));
      expected = fmt::format("waiting for the end of rank 3 (process {}); what", group.workers()[0]->pid());
    }
    SUBCASE("what it left behind") {
      group.start(shell(0, "setsid sh -c 'trap \"\" TERM; echo; while :; do sleep 600; done' & wait"),
                  streams_into(ready[1]));
      expected = "waiting for the end of sh (process ";
    }
    char line = 0;
    REQUIRE(::read(ready[0], &line, 1) == 1);
    group.tell_to_stop(SIGTERM);
    CHECK(co_await group.gone({600s}, hurry));
    CHECK_MESSAGE(said.starts_with(expected), said);
    CHECK_MESSAGE(said.ends_with(" s is killed"), said);
    lmf::log::set_sink({}, lmf::log::Level::off);
    for (const int end : ready) ::close(end);
  });
}
