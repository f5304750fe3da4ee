#include "target_folder.hpp"

#include <cerrno>
#include <cstdio>
#include <system_error>
#include <utility>

#include <fcntl.h>
#include <sys/file.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <fmt/format.h>

#include "base/files.hpp"
#include "lmf/error.hpp"

namespace lmf::exporter {
namespace {

namespace fs = std::filesystem;

constexpr const char* kMark = ".lmf-export";  // says that a .tmp folder is ours, and whose process works on it

/// Absolute, with links resolved as far as there is something.
fs::path resolved(const fs::path& path) {
  fs::path result = fs::weakly_canonical(fs::absolute(path));
  return result.has_filename() ? result : result.parent_path();  // "out/"
}

bool is_inside(const fs::path& inner, const fs::path& outer) {
  const auto rest = inner.lexically_relative(outer);
  return !rest.empty() && rest != "." && *rest.begin() != "..";
}

std::string gigabytes(std::uint64_t bytes) { return fmt::format("{:.2f} GB", double(bytes) / 1e9); }

}  // namespace

TargetFolder::TargetFolder(const fs::path& directory, const std::vector<SourceFolder>& sources, bool overwrite)
    : directory_(resolved(directory)), work_(directory_.string() + ".tmp") {
  refuse_sources(sources);
  judge_existing(overwrite);
}

TargetFolder::~TargetFolder() {
  if (lock_ < 0) return;
  std::error_code ignored;
  if (!keep_) fs::remove_all(work_, ignored);
  ::close(lock_);
}

void TargetFolder::refuse_sources(const std::vector<SourceFolder>& sources) const {
  const auto refuse = [&](const SourceFolder& source, const char* relation) {
    throw Error(
        fmt::format("export_dir {} {} {}, {}", directory_.string(), relation, source.what, source.path.string()),
        "name a folder of its own, beside it", kExitUsage);
  };
  for (const SourceFolder& source : sources) {
    const fs::path place = resolved(source.path);
    for (const fs::path& ours : {directory_, work_}) {
      if (place == ours) refuse(source, "is");
      if (is_inside(ours, place)) refuse(source, "lies in");
      if (is_inside(place, ours)) refuse(source, "holds");
    }
  }
}

void TargetFolder::judge_existing(bool overwrite) const {
  if (!fs::exists(directory_)) return;
  if (!fs::is_directory(directory_))
    throw Error(fmt::format("export_dir {} is a file", directory_.string()), "name a folder", kExitUsage);
  if (fs::is_empty(directory_)) return;
  if (!overwrite)
    throw Error(fmt::format("export_dir {} exists and is not empty", directory_.string()),
                "name another folder, or set export_overwrite: true to have it replaced once the new one is complete",
                kExitUsage);
  bool folders = false;
  for (const auto& entry : fs::directory_iterator(directory_)) folders |= entry.is_directory();
  if (folders || !fs::exists(directory_ / "config.json"))
    throw Error(fmt::format("export_dir {} is not replaced: it {}", directory_.string(),
                            folders ? "has folders in it, which no export wrote" : "holds no model"),
                "name another folder, or remove it yourself", kExitUsage);
}

void TargetFolder::require_space(std::uint64_t bytes) const {
  fs::path there = directory_.parent_path();
  while (!fs::exists(there) && there.has_relative_path()) there = there.parent_path();
  struct statvfs disk;
  if (::statvfs(there.c_str(), &disk) != 0) return;  // it says so when it is written to
  const auto free_bytes = static_cast<std::uint64_t>(disk.f_bavail) * disk.f_frsize;
  if (bytes <= free_bytes) return;
  throw Error(fmt::format("the export needs {}, and the disk of {} has {} free", gigabytes(bytes), there.string(),
                          gigabytes(free_bytes)),
              "free some space, choose an export_dir on another disk, or a smaller infer_dtype");
}

void TargetFolder::begin() {
  std::error_code failure;
  if (fs::exists(work_) && !fs::exists(work_ / kMark))
    throw Error(
        fmt::format("{} is in the way: the export would be written there first, and no export left it", work_.string()),
        "rename or remove it, or choose another export_dir");
  fs::create_directories(work_, failure);
  if (failure) throw file_error("create", work_, failure.value());
  const int lock = ::open((work_ / kMark).c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0666);
  if (lock < 0) throw file_error("write", work_ / kMark, errno);
  if (::flock(lock, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK) {  // a file system without locks locks nobody out
    ::close(lock);
    throw Error(fmt::format("another lmf export is writing {}", work_.string()),
                "wait for it, or choose another export_dir");
  }
  lock_ = lock;
  for (const auto& entry : fs::directory_iterator(work_))  // of an interrupted export
    if (entry.path().filename() != kMark) fs::remove_all(entry.path());
}

/// An exchange in one step where the file system can, so that there is never no folder.
void TargetFolder::replace_existing() const {
#ifdef RENAME_EXCHANGE
  if (::renameat2(AT_FDCWD, work_.c_str(), AT_FDCWD, directory_.c_str(), RENAME_EXCHANGE) == 0) {
    fs::remove_all(work_);
    return;
  }
#endif
  const fs::path old = directory_.string() + ".old";
  if (::rename(directory_.c_str(), old.c_str()) != 0) throw file_error("rename", directory_, errno);
  if (::rename(work_.c_str(), directory_.c_str()) != 0) {
    const int error = errno;
    if (::rename(old.c_str(), directory_.c_str()) != 0)
      throw Error(
          fmt::format("cannot rename {}; the earlier {} is now {}", work_.string(), directory_.string(), old.string()));
    throw file_error("rename", work_, error);
  }
  fs::remove_all(old);
}

void TargetFolder::commit() {
  fs::remove(work_ / kMark);
  flush_folder(work_);
  if (fs::exists(directory_) && !fs::is_empty(directory_))
    replace_existing();
  else if (::rename(work_.c_str(), directory_.c_str()) != 0)
    throw file_error("rename to " + directory_.string() + " the folder", work_, errno);
  flush_folder(directory_.parent_path());
  ::close(std::exchange(lock_, -1));
}

}  // namespace lmf::exporter
