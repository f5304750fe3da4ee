#pragma once

#include <filesystem>
#include <optional>

#include "train/shared/run_state.hpp"
#include "train/shared/step_plan.hpp"
#include "train/shared/trainer_state.hpp"

namespace lmf::train {

/// Where a checkpoint says that its run was.
struct ResumePoint {
  std::filesystem::path checkpoint;
  TrainerState trainer;
  std::optional<RunState> run;  ///< none: another program's checkpoint, or a finished run's output folder

  /// Throws Error for states that are missing, damaged, or do not belong together.
  static ResumePoint read(const std::filesystem::path& checkpoint);
  /// The example that comes next for a run that goes on as `now`; none when its order of the examples is another one.
  std::optional<Position> position(const RunState& now) const;
  /// `plan` as a run that goes on from `next` follows it. Throws Error when that would end before this point.
  StepPlan continued(const StepPlan& plan, std::optional<Position> next, double epochs, std::int64_t max_steps) const;
};

}  // namespace lmf::train
