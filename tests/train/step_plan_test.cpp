#include "train/shared/step_plan.hpp"

#include <doctest/doctest.h>

#include "lmf/error.hpp"

using namespace lmf;

TEST_CASE("steps of an epoch are rounded up, and its last one may be short") {
  const auto plan = train::StepPlan::of(/*examples=*/13, /*batch_size=*/2, /*accumulation=*/3, /*epochs=*/2.5, -1);
  CHECK(plan.rounds_per_epoch == 7);
  CHECK(plan.steps_per_epoch == 3);
  CHECK(plan.total_steps == 8);
  CHECK(plan.epochs == 3);
  CHECK(plan.rounds(0) == 3);
  CHECK(plan.rounds(2) == 1);
  CHECK(plan.position(5) == train::Position{1, 12});
  CHECK(plan.epoch_after(1) == doctest::Approx(3.0 / 7));
  CHECK(plan.epoch_after(3) == 1.0);
  CHECK(plan.epoch_after(4) == doctest::Approx(1 + 3.0 / 7));
}

TEST_CASE("batches and accumulations that are not full count") {
  CHECK(train::StepPlan::of(100, 8, 1, 3.0, -1).total_steps == 39);
  CHECK(train::StepPlan::of(100, 8, 4, 3.0, -1).total_steps == 12);
  CHECK(train::StepPlan::of(1, 8, 4, 1.5, -1).total_steps == 2);
}

TEST_CASE("a run without a step is refused") { CHECK_THROWS_AS(train::StepPlan::of(10, 2, 1, 0.0, -1), Error); }

TEST_CASE("max_steps overrides the epochs") {
  const auto plan = train::StepPlan::of(10, 2, 1, 3.0, 12);
  CHECK(plan.total_steps == 12);
  CHECK(plan.epochs == 3);
}

TEST_CASE("several ranks share an epoch's rounds, as accelerate's sharded batches do") {
  // 1091 examples on 2 ranks x 2: the original logs epoch 1/273 after its first step.
  const auto plan = train::StepPlan::of(1091, 2, 1, 3.0, -1, /*ranks=*/2);
  CHECK(plan.steps_per_epoch == 273);
  CHECK(plan.epoch_after(1) == 0.003663003663003663);
  CHECK(plan.epoch_after(273) == 1.0);
  CHECK(plan.position(274) == train::Position{1, 4});
}

TEST_CASE("a plan goes on at another number of ranks with the next example, and finishes the epoch first") {
  const auto four = train::StepPlan::of(40, 1, 2, 2.0, -1, 4);
  const auto position = four.position(3);
  CHECK(position == train::Position{0, 24});
  const auto two = train::StepPlan::of(40, 1, 2, 2.0, -1, 2).continued(3, position, 2.0, -1);
  CHECK(two.position(3) == position);
  CHECK(two.position(6) == train::Position{0, 36});
  CHECK(two.position(7) == train::Position{1, 0});
  CHECK(two.epoch_after(7) == 1.0);
  CHECK(two.total_steps == 3 + 4 + 10);
  // Rounds that do not fit what is left: the last one of the epoch is short, the next epoch begins at its beginning.
  const auto three = train::StepPlan::of(40, 1, 2, 2.0, -1, 3).continued(3, position, 2.0, -1);
  CHECK(three.position(5) == train::Position{0, 36});
  CHECK(three.rounds(5) == 2);
  CHECK(three.position(6) == train::Position{1, 0});
  CHECK(three.total_steps == 3 + 3 + 7);
}

TEST_CASE("a plan that goes on as it was is the unbroken one, with parts of epochs and max_steps too") {
  for (const double epochs : {1.0, 2.5, 3.0}) {
    const auto plan = train::StepPlan::of(13, 2, 2, epochs, -1);
    for (std::int64_t step = 0; step < plan.total_steps; ++step) {
      CHECK(plan.continued(step, plan.position(step), epochs, -1).total_steps == plan.total_steps);
    }
  }
  const auto other = train::StepPlan::of(40, 1, 1, 3.0, 90, 2).continued(5, {0, 20}, 3.0, 90);
  CHECK(other.total_steps == 90);
  CHECK(other.epochs == 5);
}

TEST_CASE("a run that was begun with fewer epochs left than it has now stops where it is") {
  const auto plan = train::StepPlan::of(40, 1, 1, 1.0, -1, 2).continued(30, {2, 10}, 1.0, -1);
  CHECK(plan.total_steps == 30);
}

TEST_CASE("an empty data set has no plan") { CHECK_THROWS_AS(train::StepPlan::of(0, 2, 1, 3.0, -1), Error); }

TEST_CASE("steps below 1 are a share of all steps, rounded up") {
  CHECK(train::steps_or_share(0.1, 11) == 2);
  CHECK(train::steps_or_share(5, 11) == 5);
  CHECK(train::steps_or_share(0, 11) == 0);
}
