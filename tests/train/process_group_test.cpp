// Ranks that work each at its own pace. They are this program again.
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <thread>

#include <arpa/inet.h>
#include <doctest/doctest.h>
#include <sys/socket.h>
#include <torch/csrc/distributed/c10d/PrefixStore.hpp>
#include <torch/csrc/distributed/c10d/TCPStore.hpp>
#include <unistd.h>

#include "train/ranks.hpp"
#include "train/shared/job.hpp"
#include "train/worker/process_group.hpp"
#include "train/worker/stop_signal.hpp"

using namespace lmf;

namespace {

/// Asks rank 0's store for much and goes before it can have answered.
void ask_and_go(const train::World& world) {
  std::string questions("\0\xCE\xF7\x85\x3C", 5);  // as torch's clients greet
  for (int i = 0; i < 200; ++i) questions += std::string("\4\1\0\0\0\0\0\0\0x\1\0\0\0\0\0\0\0", 18);  // x + 1
  sockaddr_in place = {};
  place.sin_family = AF_INET;
  place.sin_port = htons(world.master_port);
  ::inet_pton(AF_INET, world.master_address.c_str(), &place.sin_addr);
  for (int gone = 0, tries = 0; gone < 20 && tries < 10'000; ++tries) {
    const int connection = ::socket(AF_INET, SOCK_STREAM, 0);
    if (::connect(connection, reinterpret_cast<const sockaddr*>(&place), sizeof place) == 0)
      gone += ::send(connection, questions.data(), questions.size(), 0) == static_cast<ssize_t>(questions.size());
    else
      std::this_thread::sleep_for(std::chrono::milliseconds(1));  // it does not listen yet
    ::close(connection);
  }
}

/// Meets rank 0 and goes before they are connected.
[[noreturn]] void meet_and_go(const train::World& world) {
  c10d::TCPStoreOptions options;
  options.port = world.master_port;
  auto store = c10::make_intrusive<c10d::TCPStore>(world.master_address, options);
  c10::make_intrusive<c10d::PrefixStore>(world.store_prefix, std::move(store))
      ->set(std::string(train::kJoinedKey) + "/1", std::string("one that goes"));
  std::_Exit(9);
}

/// Two ranks, of which the second does `second`.
std::vector<test::Finished> two_ranks(const std::string& second) {
  return test::as_ranks({0, 1}, 2, "one rank at its own pace", {{"LMF_TEST_SECOND", second}});
}

}  // namespace

TEST_CASE("one rank at its own pace" * doctest::skip()) {
  const auto world = train::World::from_environment();
  const std::string second = std::getenv("LMF_TEST_SECOND");
  if (world.rank == 1 && second == "comes late") ask_and_go(world);
  if (world.rank == 1 && second == "meets") meet_and_go(world);
  const train::StopSignal guard;
  std::unique_ptr<train::ProcessGroup> group;
  try {
    group = train::ProcessGroup::join(world, torch::kCPU, std::chrono::seconds(2));
    group->gather_text("connected");  // a rank that dies earlier is lost in "connecting"
    const int signal =
        group->at_own_pace("long work", train::StopSignal::received, [&](const std::function<int()>& told) {
          if (second == "comes late" || (world.rank == 0 && second != "signals" && second != "fails")) return;
          if (world.rank == 1 && second == "signals") std::raise(SIGTERM);
          if (world.rank == 1 && second == "fails") throw Error("no room");
          if (world.rank == 1 && second == "dies") std::_Exit(9);
          if (world.rank == 1 && second == "has no memory")
            group->waiting([] { TORCH_CHECK_WITH(OutOfMemoryError, false, "no memory"); });
          const auto began = std::chrono::steady_clock::now();  // for longer than the group waits for a silent one
          while (told() == 0 &&
                 (second != "works" || std::chrono::steady_clock::now() - began < std::chrono::seconds(5)))
            std::this_thread::sleep_for(std::chrono::milliseconds(10));
        });
    std::printf("ended with signal %d\n", signal);
    group->leave();
  } catch (const Error& problem) {
    if (group) group->stop_because(problem.what());
    std::printf("says: %s\n", problem.what());
  } catch (const c10::OutOfMemoryError& problem) {
    group->stop_because(problem.what_without_backtrace());
    std::printf("has a reason of its own: %s\n", problem.what_without_backtrace());
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

TEST_CASE("who asks rank 0's store and goes without the answer ends nothing") {
  const auto ranks = two_ranks("comes late");
  for (const auto& rank : ranks) {
    INFO(rank.out, rank.err);
    CHECK(rank.out.find("ended with signal 0") != std::string::npos);
  }
}

TEST_CASE("a rank that dies is missed, one that fails is quoted while the others work") {
  const auto unconnected = two_ranks("meets")[0], dead = two_ranks("dies")[0], failed = two_ranks("fails")[0];
  INFO(unconnected.out, dead.out, failed.out);
  CHECK(unconnected.out.find("says: rank 0 lost the others in connecting") != std::string::npos);
  CHECK(unconnected.out.find("nothing more is heard of rank 1, one that goes") != std::string::npos);
  CHECK(dead.out.find("says: rank 0 lost the others in long work") != std::string::npos);
  CHECK(dead.out.find("nothing more is heard of rank 1") != std::string::npos);
  CHECK(failed.out.find("stopped: no room") != std::string::npos);
}

TEST_CASE("memory that ends where a rank waits for others is its own reason, and what they quote") {
  const auto ranks = two_ranks("has no memory");
  INFO(ranks[0].out, ranks[1].out);
  CHECK(ranks[1].out.find("has a reason of its own: no memory") != std::string::npos);
  CHECK(ranks[0].out.find("stopped: no memory") != std::string::npos);
}
