#include "infer/workers.hpp"

#include <chrono>
#include <set>

#include <doctest/doctest.h>

using lmf::infer::Workers;

TEST_CASE("every task of a round is done once before run() returns, round after round") {
  for (const int threads : {1, 2, 5}) {
    Workers workers(threads);
    CHECK(workers.threads() == threads);
    for (int round = 0; round < 2000; ++round) {
      std::vector<std::atomic<int>> done(static_cast<std::size_t>(round % 23));
      workers.run(round % 23, [&](std::int64_t i) { ++done[static_cast<std::size_t>(i)]; });
      for (const auto& count : done) REQUIRE(count == 1);
    }
  }
}

TEST_CASE("workers that have gone to sleep wake up") {
  Workers workers(3);
  for (int round = 0; round < 20; ++round) {
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
    std::atomic<int> done{0};
    workers.run(100, [&](std::int64_t) { ++done; });
    CHECK(done == 100);
  }
}

TEST_CASE("a slow task does not keep the others from being done by other threads") {
  Workers workers(2);
  std::atomic<int> others{0};
  workers.run(20, [&](std::int64_t i) {
    if (i > 0)
      ++others;
    else  // until another thread has done all the rest
      while (others < 19) std::this_thread::yield();
  });
  CHECK(others == 19);
}
