#include "train/worker/sampler.hpp"

#include <algorithm>
#include <map>
#include <numeric>

#include <doctest/doctest.h>

#include "train/shared/step_plan.hpp"

using lmf::train::Sampler;

namespace {

std::vector<std::int64_t> epoch_of(Sampler& sampler, std::int64_t epoch, std::int64_t examples,
                                   std::int64_t batch_size) {
  std::vector<std::int64_t> order;
  for (std::int64_t i = 0; i * batch_size < examples; ++i) {
    for (std::int64_t example : sampler.take(epoch, i * batch_size, batch_size)) order.push_back(example);
  }
  return order;
}

}  // namespace

TEST_CASE("without shuffling the examples come in order, the last batch short") {
  Sampler sampler(5, false, 42);
  CHECK(sampler.take(0, 0, 2) == std::vector<std::int64_t>{0, 1});
  CHECK(sampler.take(3, 4, 2) == std::vector<std::int64_t>{4});
}

TEST_CASE("a last batch that is filled up takes the epoch's first examples, over and over when there are few") {
  Sampler sampler(3, false, 42), shuffled(3, true, 42);
  CHECK(sampler.take(0, 2, 2, true) == std::vector<std::int64_t>{2, 0});
  CHECK(sampler.take(0, 4, 4, true) == std::vector<std::int64_t>{1, 2, 0, 1});
  const auto order = shuffled.take(5, 0, 3);
  CHECK(shuffled.take(5, 3, 3, true) == order);
}

TEST_CASE("every epoch has every example once, in another order than the one before") {
  Sampler sampler(101, true, 42);
  const auto first = epoch_of(sampler, 0, 101, 4), second = epoch_of(sampler, 1, 101, 4);
  CHECK(first != second);
  auto sorted = first;
  std::sort(sorted.begin(), sorted.end());
  std::vector<std::int64_t> all(101);
  std::iota(all.begin(), all.end(), 0);
  CHECK(sorted == all);
}

TEST_CASE("a batch depends on seed and position alone, not on what was drawn before") {
  Sampler walked(101, true, 7), jumped(101, true, 7), other_seed(101, true, 8);
  epoch_of(walked, 0, 101, 4);
  epoch_of(walked, 1, 101, 4);
  CHECK(walked.take(2, 36, 4) == jumped.take(2, 36, 4));
  CHECK(jumped.take(2, 36, 4) != other_seed.take(2, 36, 4));
}

// The expected order comes from the same algorithm written in another language.
TEST_CASE("the order stays as released: checkpoints of older versions resume with it") {
  Sampler sampler(8, true, 42);
  CHECK(epoch_of(sampler, 0, 8, 8) == std::vector<std::int64_t>{4, 3, 2, 1, 0, 5, 7, 6});
}

TEST_CASE(
    "whatever the numbers of ranks before and after, an epoch has every example once, and fills up only its last "
    "round") {
  constexpr std::int64_t kExamples = 29;
  using lmf::train::StepPlan;
  int tried = 0;
  for (const std::int64_t ranks_before : {1, 2, 3, 5})
    for (const std::int64_t ranks_after : {1, 2, 4, 7})
      for (const std::int64_t batch : {1, 2})
        for (const std::int64_t accumulation : {1, 3}) {
          const auto before = StepPlan::of(kExamples, batch, accumulation, 3.0, -1, ranks_before);
          for (std::int64_t stop = 0; stop < before.steps_per_epoch; ++stop) {
            const auto after = StepPlan::of(kExamples, 2, accumulation, 3.0, -1, ranks_after)
                                   .continued(stop, before.position(stop), 3.0, -1);
            Sampler sampler(kExamples, true, 42);
            std::map<std::int64_t, std::vector<std::int64_t>> seen;  // by epoch, in order
            for (std::int64_t step = 0; step < after.total_steps; ++step) {
              const StepPlan& plan = step < stop ? before : after;
              for (std::int64_t round = 0; round < plan.rounds(step); ++round)
                for (std::int64_t rank = 0; rank < plan.ranks; ++rank) {
                  const std::int64_t epoch = plan.position(step).epoch;
                  for (std::int64_t example :
                       sampler.take(epoch, plan.batch_begin(step, round, rank), plan.batch_size, plan.ranks > 1))
                    seen[epoch].push_back(example);
                }
            }
            REQUIRE(seen.size() == 3);
            for (auto& [epoch, order] : seen) {
              const std::int64_t surplus = static_cast<std::int64_t>(order.size()) - kExamples;
              CHECK(surplus >= 0);
              CHECK(surplus < (ranks_after == 1 ? 1 : after.round_size()));
              order.resize(kExamples);
              CHECK(order == sampler.take(epoch, 0, kExamples));
            }
            ++tried;
          }
        }
  CHECK(tried > 200);
}

TEST_CASE("all orders of three are about equally frequent") {
  std::map<std::vector<std::int64_t>, int> seen;
  for (std::uint64_t seed = 0; seed < 6000; ++seed) {
    Sampler sampler(3, true, seed);
    ++seen[sampler.take(0, 0, 3)];
  }
  CHECK(seen.size() == 6);
  for (const auto& [order, count] : seen)
    CHECK(std::abs(count - 1000) < 150);  // five standard deviations of a fair draw
}
