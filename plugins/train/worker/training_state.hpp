#pragma once

#include <filesystem>

#include "train/shared/resume_point.hpp"
#include "train/worker/adamw.hpp"

namespace lmf::train {

/// Files of a checkpoint beside the model's; `optimizer` null: save_only_model.
void write_training_state(const std::filesystem::path& directory, const RunState& run, const TrainerState& state,
                          const AdamW* optimizer);
/// Restores what the checkpoint holds and says what starts afresh: the original keeps optimiser and random states as
/// Python pickles, which are not read. `run` comes with this run's settings and keeps them.
void restore_training_state(const ResumePoint& point, RunState& run, AdamW& optimizer);

}  // namespace lmf::train
