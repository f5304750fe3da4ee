#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>

#include <nlohmann/json.hpp>

#include "train/shared/step_plan.hpp"

namespace lmf::train {

/// What continuing a run exactly needs beside trainer_state.json: lmf_run_state.json in a checkpoint. Random numbers
/// need no state: dropout is seeded by (seed, step), the order of examples by (data_seed, epoch). The learning rate is
/// a function of the step.
struct RunState {
  std::int64_t run = 1;         ///< run_number() of the output folder
  std::string job = {};         ///< kJobIdVariable
  double loss_since_log = 0.0;  ///< sum over the steps since the last logged one
  double loss_of_run = 0.0;     ///< sum over all steps
  std::int64_t last_logged_step = 0;
  // What decides the order of the examples; a run that goes on with other values is told so.
  std::uint64_t seed = 0, data_seed = 0;
  bool shuffle = false;
  std::int64_t examples = 0;
  /// The example that comes next. Counted in examples, not in steps: a run may go on with other batches or ranks.
  /// Nothing where a checkpoint does not say it, or it is a position in another order.
  std::optional<Position> position = {};
  std::string best_by = {};        ///< EvaluationOptions::best_by() of the best evaluation in the trainer's state
  nlohmann::json base_model = {};  ///< model::shape_facts(): an adapter alone does not tell them

  std::string to_text() const;
  static RunState read(const std::filesystem::path& file);
};

}  // namespace lmf::train
