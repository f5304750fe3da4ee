#include "train/shared/resume_point.hpp"

#include <fmt/format.h>

#include "lmf/error.hpp"
#include "train/shared/checkpoint_folders.hpp"

namespace lmf::train {

namespace fs = std::filesystem;

ResumePoint ResumePoint::read(const fs::path& checkpoint) {
  ResumePoint point{checkpoint, TrainerState::read(checkpoint / kTrainerStateFile), std::nullopt};
  const fs::path own = checkpoint / kRunStateFile;
  std::error_code ignored;
  if (!fs::exists(own, ignored)) return point;
  point.run = RunState::read(own);
  if (point.run->last_logged_step > point.trainer.global_step)
    throw Error(fmt::format("{}: last_logged_step is {}, but {} is of step {}", own.string(),
                            point.run->last_logged_step, kTrainerStateFile, point.trainer.global_step),
                "resume from another checkpoint");
  return point;
}

std::optional<Position> ResumePoint::position(const RunState& now) const {
  const bool same_order = run && run->examples == now.examples && run->shuffle == now.shuffle &&
                          (!now.shuffle || run->data_seed == now.data_seed);
  return same_order ? run->position : std::nullopt;
}

StepPlan ResumePoint::continued(const StepPlan& plan, std::optional<Position> next, double epochs,
                                std::int64_t max_steps) const {
  const std::int64_t step = trainer.global_step;
  const StepPlan rest = next ? plan.continued(step, *next, epochs, max_steps) : plan;
  if (step <= rest.total_steps) return rest;
  throw Error(fmt::format("{} is after step {}, and this run would end after step {}", checkpoint.string(), step,
                          rest.total_steps),
              "raise max_steps or num_train_epochs", kExitUsage);
}

}  // namespace lmf::train
