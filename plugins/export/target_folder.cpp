#include "target_folder.hpp"

#include <cerrno>
#include <cstdio>
#include <system_error>
#include <utility>

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <fmt/format.h>

#include "base/files.hpp"
#include "base/log.hpp"
#include "lmf/error.hpp"
#include "model_file_names.hpp"

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

/// What a folder could not be asked or told, with what to do about it.
[[noreturn]] void refuse(const fs::filesystem_error& problem) {
  throw file_error("read or change", problem.path1(), problem.code().value());
}

/// Opens and locks the folder's mark; -1 with errno, EWOULDBLOCK when another process has it.
int lock_mark(const fs::path& folder, int flags) {
  const fs::path mark = folder / kMark;
  const int lock = ::open(mark.c_str(), O_RDWR | O_CLOEXEC | O_NOFOLLOW | flags, 0666);
  if (lock < 0) return -1;
  struct stat ours, there;
  bool taken = ::flock(lock, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK;  // without locks nobody is locked out
  // Who had it may have removed or renamed it since it was opened.
  taken |= ::fstat(lock, &ours) != 0 || ::stat(mark.c_str(), &there) != 0 || ours.st_ino != there.st_ino ||
           ours.st_dev != there.st_dev;
  if (!taken) return lock;
  ::close(lock);
  errno = EWOULDBLOCK;
  return -1;
}

/// All but the mark: what is left of the folder is still known as an export's.
void clear(const fs::path& folder) {
  for (const auto& entry : fs::directory_iterator(folder))
    if (entry.path().filename() != kMark) fs::remove_all(entry.path());
}

/// Removes an earlier model whose place is taken. The export is done, so that a failure is only told.
void discard(const fs::path& old) {
  try {
    clear(old);
    fs::remove_all(old);
  } catch (const fs::filesystem_error& problem) {
    log::warn("the earlier model is still in {}: {}; remove it yourself", old.string(), problem.code().message());
  }
}

}  // namespace

TargetFolder::TargetFolder(const fs::path& directory, const std::vector<SourceFolder>& sources, bool overwrite) try
    : directory_(resolved(directory)), work_(directory_.string() + ".tmp"), overwrite_(overwrite) {
  refuse_sources(sources);
  refuse_mount();
  judge_existing();
  if (const fs::path old = directory_.string() + ".old"; !fs::exists(directory_) && fs::exists(old / "config.json"))
    log::warn("{} holds a model: an export that was interrupted may have left the earlier one there", old.string());
} catch (const fs::filesystem_error& problem) {
  refuse(problem);
}

TargetFolder::~TargetFolder() {
  if (lock_ < 0) return;
  if (keep_) {
    log::warn("what was written stays in {} until the next export to {}", work_.string(), directory_.string());
  } else {
    std::error_code ignored;
    try {
      clear(work_);
    } catch (const fs::filesystem_error&) {  // the next export tries again
    }
    fs::remove_all(work_, ignored);
  }
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

/// Nothing is renamed onto, or from, another file system.
void TargetFolder::refuse_mount() const {
  struct stat ours, parent;
  if (::stat(directory_.c_str(), &ours) != 0 || ::stat(directory_.parent_path().c_str(), &parent) != 0) return;
  if (ours.st_dev != parent.st_dev)
    throw Error(fmt::format("export_dir {} is a mount point, which a finished folder cannot take the place of",
                            directory_.string()),
                "name a folder inside it", kExitUsage);
}

void TargetFolder::judge_existing() const {
  if (!fs::exists(directory_)) return;
  if (!fs::is_directory(directory_))
    throw Error(fmt::format("export_dir {} is a file", directory_.string()), "name a folder", kExitUsage);
  if (fs::is_empty(directory_)) return;
  if (!overwrite_)
    throw Error(fmt::format("export_dir {} exists and is not empty", directory_.string()),
                "name another folder, or set export_overwrite: true to have it replaced once the new one is complete",
                kExitUsage);
  std::string foreign;
  bool folders = false;
  for (const auto& entry : fs::directory_iterator(directory_)) {
    folders |= entry.is_directory();
    if (const std::string name = entry.path().filename().string(); name != kMark && !is_of_a_model(name))
      foreign = name;
  }
  const auto not_replaced = [&](const std::string& why) {
    throw Error(fmt::format("export_dir {} is not replaced: it {}", directory_.string(), why),
                "name another folder, or move away what is yours", kExitUsage);
  };
  if (folders) not_replaced("has folders in it, which no export wrote");
  if (!fs::exists(directory_ / "config.json")) not_replaced("holds no model");
  if (!foreign.empty()) not_replaced(fmt::format("holds '{}', which no export wrote", foreign));
}

void TargetFolder::require_space(std::uint64_t bytes) const try {
  fs::path there = directory_.parent_path();
  while (!fs::exists(there) && there.has_relative_path()) there = there.parent_path();
  struct statvfs disk;
  if (::statvfs(there.c_str(), &disk) != 0) return;  // it says so when it is written to
  const auto free_bytes = static_cast<std::uint64_t>(disk.f_bavail) * disk.f_frsize;
  if (bytes <= free_bytes) return;
  throw Error(fmt::format("the export needs {}, and the disk of {} has {} free", gigabytes(bytes), there.string(),
                          gigabytes(free_bytes)),
              "free some space, choose an export_dir on another disk, or a smaller infer_dtype");
} catch (const fs::filesystem_error& problem) {
  refuse(problem);
}

void TargetFolder::begin() try {
  std::error_code failure;
  fs::create_directories(work_.parent_path(), failure);
  if (failure) throw file_error("create", work_.parent_path(), failure.value());
  const bool made = ::mkdir(work_.c_str(), 0777) == 0;
  if (!made && errno != EEXIST) throw file_error("create", work_, errno);
  lock_ = lock_mark(work_, made || fs::is_empty(work_, failure) ? O_CREAT : 0);
  const int error = errno;
  if (lock_ < 0 && error == EWOULDBLOCK)
    throw Error(fmt::format("another lmf export is writing {}", work_.string()),
                "wait for it, or choose another export_dir");
  if (lock_ < 0 && (error == ENOENT || error == ENOTDIR))
    throw Error(fmt::format("{} is in the way: the export would be written there first, and it has no mark of an "
                            "export that was interrupted",
                            work_.string()),
                "rename or remove it, or choose another export_dir");
  if (lock_ < 0) throw file_error("write", work_ / kMark, error);
  clear(work_);  // of an interrupted export
} catch (const fs::filesystem_error& problem) {
  refuse(problem);
}

/// Gives work() the place of a folder, and returns where that is now. An exchange in one step where the file system
/// can, so that there is never no folder.
fs::path TargetFolder::replace_existing() const {
#ifdef RENAME_EXCHANGE
  if (::renameat2(AT_FDCWD, work_.c_str(), AT_FDCWD, directory_.c_str(), RENAME_EXCHANGE) == 0) return work_;
#endif
  fs::path old = directory_.string() + ".old";
  for (int i = 2; fs::exists(old); ++i) old = fmt::format("{}.old{}", directory_.string(), i);
  if (::rename(directory_.c_str(), old.c_str()) != 0) throw not_renamed(directory_, errno);
  if (::rename(work_.c_str(), directory_.c_str()) != 0) {
    const int error = errno;
    if (::rename(old.c_str(), directory_.c_str()) != 0)
      throw Error(
          fmt::format("cannot rename {}; the earlier {} is now {}", work_.string(), directory_.string(), old.string()));
    throw not_renamed(work_, error);
  }
  return old;
}

Error TargetFolder::not_renamed(const fs::path& folder, int error) const {
  return Error(file_error("rename", folder, error).what(),
               fmt::format("the model is complete in {}: move it yourself", work_.string()));
}

void TargetFolder::commit() try {
  keep_ = true;      // it is complete: when it cannot get its name it stays
  judge_existing();  // something may have come meanwhile
  flush_folder(work_);
  fs::path old;
  if (fs::exists(directory_) && !fs::is_empty(directory_))
    old = replace_existing();
  else if (::rename(work_.c_str(), directory_.c_str()) != 0)
    throw not_renamed(work_, errno);
  ::close(std::exchange(lock_, -1));
  // Whichever folder has the name for work, the next export is to know it, also when this one ends here.
  const int lock = old.empty() ? -1 : lock_mark(old, O_CREAT);
  const bool taken = !old.empty() && lock < 0 && errno == EWOULDBLOCK;  // by the next export, which clears it
  std::error_code ignored;
  fs::remove(directory_ / kMark, ignored);
  flush_folder(directory_);
  flush_folder(directory_.parent_path());
  if (!old.empty() && !taken) discard(old);
  if (lock >= 0) ::close(lock);
} catch (const fs::filesystem_error& problem) {
  refuse(problem);
}

}  // namespace lmf::exporter
