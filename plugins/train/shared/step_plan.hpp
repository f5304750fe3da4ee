#pragma once

#include <cstdint>

#include "config/options.hpp"

namespace lmf::train {

/// A point in the order of the examples: `example` of that epoch comes next.
struct Position {
  std::int64_t epoch = 0, example = 0;
  bool operator==(const Position&) const = default;
};

/// How many batches, steps and epochs a run has; the arithmetic of transformers' Trainer and accelerate's sharding.
/// A batch is what one forward of one rank sees, a round one batch of each rank, a step one update of the parameters
/// after `accumulation` rounds. Ranks take the batches of a round in turn; several ranks fill the epoch's last round up
/// with its first examples, so that all have as much to do.
struct StepPlan {
  std::int64_t examples = 0, batch_size = 1, accumulation = 1, ranks = 1;
  std::int64_t rounds_per_epoch = 0;  ///< the last one may be short
  std::int64_t steps_per_epoch = 0;   ///< the last one may have fewer rounds
  std::int64_t total_steps = 0;
  std::int64_t epochs = 0;  ///< begun, so 3 for 2.5
  // Where this plan begins: not at 0 when the run was begun with rounds of another size, whose epoch is then finished
  // first.
  std::int64_t first_step = 0;
  Position first_position = {};

  /// `max_steps` > 0 overrides `epochs`.
  static StepPlan of(std::int64_t examples, std::int64_t batch_size, std::int64_t accumulation, double epochs,
                     std::int64_t max_steps, std::int64_t ranks = 1);
  static StepPlan of(const config::Options& options, std::int64_t examples, std::int64_t ranks);
  /// The plan of a run that made `step` steps, saw the examples before `next`, and goes on with this plan's rounds:
  /// none is lost and none seen twice.
  StepPlan continued(std::int64_t step, Position next, double wanted_epochs, std::int64_t max_steps) const;

  /// Where step `step` (counted from 0) begins.
  Position position(std::int64_t step) const;
  /// Where in its epoch the batch of `rank` in round `round` of step `step` begins; beyond the examples in a last
  /// round.
  std::int64_t batch_begin(std::int64_t step, std::int64_t round, std::int64_t rank) const {
    return position(step).example + round * round_size() + rank * batch_size;
  }
  /// Rounds of step `step`.
  std::int64_t rounds(std::int64_t step) const;
  /// Passes over the data after `steps` steps: 1.5 in the middle of the second.
  double epoch_after(std::int64_t steps) const;
  std::int64_t round_size() const { return ranks * batch_size; }  ///< examples
  std::int64_t step_size() const { return round_size() * accumulation; }
  std::int64_t steps_of_first_epoch() const;  ///< from first_position on
};

/// A count of steps that may be given as a fraction of all steps: below 1, its share of `total`, rounded up.
std::int64_t steps_or_share(double value, std::int64_t total);

}  // namespace lmf::train
