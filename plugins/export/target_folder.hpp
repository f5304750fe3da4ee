#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "lmf/error.hpp"

namespace lmf::exporter {

/// A folder that the export reads, and what it is called in messages ("the model's folder").
struct SourceFolder {
  std::string what;
  std::filesystem::path path;
};

/// export_dir. Everything is written into "<export_dir>.tmp"; commit() gives it its name, so that export_dir is whole
/// or not there. Before that nothing of what stood there is touched.
class TargetFolder {
 public:
  /// Judges the place; nothing is written yet. Throws Error when it is a file, one of the sources, inside one or around
  /// one, a mount point, or when it is not empty: unless `overwrite`, and then too when it holds anything but a model.
  TargetFolder(const std::filesystem::path& directory, const std::vector<SourceFolder>& sources, bool overwrite);
  /// Removes what was written, unless it was committed, or is to be kept: then it says where it stays.
  ~TargetFolder();
  TargetFolder(const TargetFolder&) = delete;
  TargetFolder& operator=(const TargetFolder&) = delete;

  /// Throws Error when the disk has not `bytes` free.
  void require_space(std::uint64_t bytes) const;
  /// Makes the folder to write into, instead of one that an interrupted export left. Throws Error when another process
  /// is writing it, or when a folder of that name is not an export's.
  void begin();
  /// Whether to keep what was written when commit() is not reached: someone may want to look at it.
  void keep(bool wanted) { keep_ = wanted; }
  /// Judges the place again, as hours may have passed, and gives it the folder. What cannot get its name is kept.
  void commit();

  const std::filesystem::path& work() const { return work_; }
  const std::filesystem::path& directory() const { return directory_; }

 private:
  void refuse_sources(const std::vector<SourceFolder>& sources) const;
  void refuse_mount() const;
  void judge_existing() const;
  std::filesystem::path replace_existing() const;
  Error not_renamed(const std::filesystem::path& folder, int error) const;

  std::filesystem::path directory_, work_;
  bool overwrite_;
  int lock_ = -1;
  bool keep_ = false;
};

}  // namespace lmf::exporter
