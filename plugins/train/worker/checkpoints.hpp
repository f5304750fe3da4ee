#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "train/shared/checkpoint_folders.hpp"

namespace lmf::train {

/// The checkpoint-N folders of an output folder. A folder appears complete or not at all: it is filled under another
/// name, flushed, then renamed, so that a kill or a full disk at any moment leaves the older ones as they were.
class Checkpoints {
 public:
  /// Removes what a killed run left half-written. `keep`: how many of this run's stay, 0 for all. `run`: its number, as
  /// run_number() gives it and as `fill` below writes it. Earlier runs' checkpoints stay; one whose step comes again is
  /// renamed, or replaced when `replace_earlier`.
  Checkpoints(std::filesystem::path output_directory, std::int64_t keep, std::int64_t run, bool replace_earlier);

  /// Throws Error when there is no room for tensors of `bytes` and a reserve for the small files beside them.
  void require_space(std::uint64_t bytes) const;
  /// Lets `fill` write the files of checkpoint-`step` (tensors of `bytes`), then removes the run's oldest ones beyond
  /// the limit. `best` is never removed.
  std::filesystem::path write(std::int64_t step, std::uint64_t bytes,
                              const std::function<void(const std::filesystem::path&)>& fill,
                              const std::filesystem::path& best = {}) const;
  /// Whether this run has a checkpoint of that step.
  bool has(std::int64_t step) const;
  /// Removes this run's checkpoints but that one.
  void leave_only(const std::filesystem::path& one) const;

 private:
  void put_in_place(const std::filesystem::path& unfinished, const std::filesystem::path& finished) const;
  std::vector<std::filesystem::path> own() const;  ///< oldest first
  void rotate(const std::filesystem::path& newest, const std::filesystem::path& best) const;
  std::string way_on() const;  ///< after a failure to write
  std::filesystem::path output_directory_;
  std::int64_t keep_, run_;
  bool replace_earlier_;
};

/// Puts a folder in the place of another where the file system cannot exchange them at once: the old one waits under
/// replaced_path(), and the caller removes it.
void replace_by_renaming(const std::filesystem::path& unfinished, const std::filesystem::path& finished);

}  // namespace lmf::train
