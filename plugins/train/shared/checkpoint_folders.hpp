#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace lmf::train {

/// In a checkpoint beside trainer_state.json: what lmf alone needs to go on exactly.
inline constexpr const char* kRunStateFile = "lmf_run_state.json";

/// A folder checkpoint-N of an output folder.
struct CheckpointFolder {
  std::filesystem::path path;
  std::int64_t step = 0;
  /// Which of the output folder's runs wrote it, counted from 1; 0: another program. Steps alone do not tell age: a run
  /// that starts afresh begins again at checkpoint-1 beside the higher numbers of an earlier one.
  std::int64_t run = 0;
  std::string job = {};  ///< the id of the launcher's job that wrote it; "": none, or another program
};

/// output_directory/checkpoint-N
std::filesystem::path checkpoint_path(const std::filesystem::path& output_directory, std::int64_t step);
/// Where a checkpoint waits while another of its step takes its name. A kill at that moment leaves it there: as long as
/// the name itself is free, checkpoints_in() lists it.
std::filesystem::path replaced_path(const std::filesystem::path& checkpoint);

/// What the folder is; none when it is no checkpoint by its name, or holds no file of one: something that a copy or a
/// clean-up left. One that lacks only some is listed, and refused by name when it is to be resumed.
std::optional<CheckpointFolder> checkpoint_at(const std::filesystem::path& folder);
/// Oldest first: by run, then by step. None when there is no such folder.
std::vector<CheckpointFolder> checkpoints_in(const std::filesystem::path& output_directory);
/// The one that `resume_from_checkpoint: true` means: the last run's; none where that has left none.
std::optional<CheckpointFolder> newest_checkpoint(const std::filesystem::path& output_directory);
/// Notes in the output folder that run `run` is its last from now on: it may end without a checkpoint, and then the
/// ones of earlier runs must not look like its own. Writes nothing where nothing can be mistaken, nor for a run that
/// goes on from the newest checkpoint (`start`): until it saves one of its own, that one remains where to go on.
void begin_run(const std::filesystem::path& output_directory, std::int64_t run,
               const std::optional<std::filesystem::path>& start = {});
/// The number of a run that begins at `start` (none: at the first step). The newest checkpoint's run goes on; from
/// anywhere else a new run begins, so that what it writes is newer than all that is there.
std::int64_t run_number(const std::filesystem::path& output_directory,
                        const std::optional<std::filesystem::path>& start);

}  // namespace lmf::train
