// Ranks that work each at its own pace. They are this program again.
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <thread>

#include <doctest/doctest.h>

#include "train/ranks.hpp"
#include "train/worker/process_group.hpp"
#include "train/worker/stop_signal.hpp"

using namespace lmf;

namespace {

/// Two ranks, of which the second does `second`.
std::vector<test::Finished> two_ranks(const std::string& second) {
  return test::as_ranks({0, 1}, 2, "one rank at its own pace", {{"LMF_TEST_SECOND", second}});
}

}  // namespace

TEST_CASE("one rank at its own pace" * doctest::skip()) {
  const auto world = train::World::from_environment();
  const std::string second = std::getenv("LMF_TEST_SECOND");
  const auto group = train::ProcessGroup::join(world, torch::kCPU, std::chrono::seconds(2));
  const train::StopSignal guard;
  try {
    const int signal =
        group->at_own_pace("long work", train::StopSignal::received, [&](const std::function<int()>& told) {
          if (world.rank == 0 && second != "signals" && second != "fails") return;
          if (world.rank == 1 && second == "signals") std::raise(SIGTERM);
          if (world.rank == 1 && second == "fails") throw Error("no room");
          if (world.rank == 1 && second == "dies") std::_Exit(9);
          const auto began = std::chrono::steady_clock::now();  // for longer than the group waits for a silent one
          while (told() == 0 &&
                 (second != "works" || std::chrono::steady_clock::now() - began < std::chrono::seconds(5)))
            std::this_thread::sleep_for(std::chrono::milliseconds(10));
        });
    std::printf("ended with signal %d\n", signal);
    group->leave();
  } catch (const Error& problem) {
    group->stop_because(problem.what());
    std::printf("says: %s\n", problem.what());
  }
}

TEST_CASE("a rank that is through waits for one that works for longer than the time-out") {
  for (const auto& rank : two_ranks("works")) {
    INFO(rank.out, rank.err);
    CHECK(rank.out.find("ended with signal 0") != std::string::npos);
  }
}

TEST_CASE("a signal to one rank ends the work of all") {
  for (const auto& rank : two_ranks("signals")) {
    INFO(rank.out, rank.err);
    CHECK(rank.out.find("ended with signal 15") != std::string::npos);
  }
}

TEST_CASE("a rank that dies is missed, one that fails is quoted while the others work") {
  const auto dead = two_ranks("dies")[0], failed = two_ranks("fails")[0];
  INFO(dead.out, failed.out);
  CHECK(dead.out.find("says: rank 0 lost the others in long work") != std::string::npos);
  CHECK(dead.out.find("nothing more is heard of rank 1") != std::string::npos);
  CHECK(failed.out.find("stopped: no room") != std::string::npos);
}
