#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "config/options.hpp"

namespace lmf::train {

/// Where a run begins.
struct Start {
  std::optional<std::filesystem::path> checkpoint;  ///< absolute; none: at the first step
  std::string why;                                  ///< "the newest checkpoint in saves/a", for the user
  std::optional<config::Problem> problem;           ///< neither can be decided
};

/// The original's rule. A named checkpoint is taken (true: the newest in output_dir; false: none). Without a name, an
/// output_dir that has checkpoints is continued from the newest: the last run's highest number, where the original
/// takes the highest of all runs. One that has a finished model but no checkpoint needs overwrite_output_dir, as
/// continuing and overwriting are both plausible wishes.
/// In a job that was started again (`restarted_job`: its id, as its checkpoints have it) what it has written
/// itself wins over all of that.
Start decide_start(const config::Options& options, const std::string& restarted_job = {});

}  // namespace lmf::train
