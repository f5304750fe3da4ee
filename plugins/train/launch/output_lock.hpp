#pragma once

#include <filesystem>
#include <string>

#include "train/launch/agent/file_descriptor.hpp"

namespace lmf::train {

/// An output folder held by one run: two that wrote the same checkpoints and logs would spoil both. The file .lmf-lock
/// in it says who holds it; the hold is the kernel's lock on that file, which ends with the process, however it ends.
/// A file that a killed run leaves means nothing, and the next one takes it over; the destructor removes it.
class OutputLock {
 public:
  /// Creates the folder where it is missing. Throws Error that names the holder when another run has it. One that is
  /// just ending is waited for a moment. `job`: kJobIdVariable, "" for none; a holder of the same job is an earlier
  /// attempt's first rank, which on another node may be slow to die, and is never a reason to refuse.
  OutputLock(std::filesystem::path folder, const std::string& job);
  ~OutputLock();
  OutputLock(const OutputLock&) = delete;
  OutputLock& operator=(const OutputLock&) = delete;

 private:
  void create_folder();
  void acquire(const std::string& job);
  bool try_once();
  bool open_file();
  bool lock_opened() const;
  bool is_still_there() const;
  void sign(const std::string& job) const;
  void remove_what_was_created() const;

  std::filesystem::path folder_, file_;
  std::filesystem::path first_created_;  // the uppermost folder that was missing; empty: none was
  launch::FileDescriptor descriptor_;
};

}  // namespace lmf::train
