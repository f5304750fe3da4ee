#include "train/worker/schedule.hpp"

#include <algorithm>
#include <cmath>

#include <doctest/doctest.h>

#include "base/files.hpp"
#include "lmf/error.hpp"
#include "train/fixture.hpp"
#include "train/worker/train_options.hpp"

using namespace lmf;

TEST_CASE("every schedule gives transformers' factor at every step") {
  double difference = 0.0;
  const auto numbers = test::train_fixture("numbers.json");
  for (const auto& test_case : numbers["schedules"]) {
    const train::LearningRateSchedule schedule(train::LearningRateSchedule::kind(test_case["name"]),
                                               test_case["warmup"], test_case["total"]);
    std::int64_t step = 0;
    for (const auto& factor : test_case["factors"]) {
      difference = std::max(difference, std::abs(schedule.factor(step++) - factor.get<double>()));
    }
    CHECK(step == test_case["total"]);
  }
  MESSAGE("largest difference " << difference);
  CHECK(difference < 1e-15);  // the same formula in double; cos may differ in its last bit
}

TEST_CASE("an unknown schedule is refused with the known ones") {
  CHECK_THROWS_AS(train::LearningRateSchedule::kind("polynomial"), Error);
}

TEST_CASE("warmup_ratio above 0 wins over warmup_steps, as in transformers 5 and as the help says") {
  train::TrainOptions options;
  options.warmup_steps = 5;
  CHECK(train::warmup_steps(options, 20) == 5);
  options.warmup_ratio = 0.05;
  CHECK(train::warmup_steps(options, 20) == 1);
  const std::string help = read_file(LMF_SOURCE_DIR "/share/options/training.toml");
  CHECK(help.find("above 0 it wins over warmup_steps") != help.npos);
}
