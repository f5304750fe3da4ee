#pragma once

#include <string>

namespace lmf::train::launch {

/// Where logs and error files of one agent go: LOG_FOLDER/RUNID_XXXXXXXX/attempt_N/LOCAL_RANK, as torchrun lays it out.
/// Without a log folder it is a temporary one, which is removed at the end unless there is something in it to be read.
class RunFolder {
 public:
  /// A temporary folder's name that nobody else has: known before it is made, so that the guard knows it in time.
  static std::string temporary_name();

  /// Makes them. `temporary` is used when `log_folder` is "". Throws Error when a folder cannot be made.
  RunFolder(const std::string& log_folder, const std::string& temporary, const std::string& run_id, bool holds_output);
  ~RunFolder();
  RunFolder(const RunFolder&) = delete;
  RunFolder& operator=(const RunFolder&) = delete;

  /// Makes a folder for the attempt, and where there are logs one for each worker in it.
  std::string attempt(int number, int workers) const;
  /// Of a worker in the folder of its attempt: where it may say why it failed.
  std::string error_file(const std::string& attempt, int local_rank) const;
  const std::string& path() const { return path_; }
  void keep() { stays_ = true; }  ///< an error file is worth it
  bool stays() const { return stays_; }

 private:
  std::string parent_, path_;
  bool stays_;
  const bool has_logs_;  ///< torchrun's tree
};

}  // namespace lmf::train::launch
