#include "base/files.hpp"

#include <cerrno>
#include <system_error>
#include <utility>

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <fmt/format.h>

#include "base/file_kind.hpp"

namespace lmf {
namespace {

std::filesystem::path folder_of(const std::filesystem::path& path) {
  return path.has_parent_path() ? path.parent_path() : std::filesystem::path(".");
}

/// mkstemp() makes 0600; a file of the user's own results follows the umask as any other. The umask can only be read
/// by setting it, which other threads would notice: /proc says it.
mode_t mode_after_umask() {
  mode_t mask = 022;
  try {
    const std::string status = read_file("/proc/self/status", 1 << 16);
    if (const auto at = status.find("\nUmask:"); at != std::string::npos)
      mask = static_cast<mode_t>(std::stoul(status.substr(at + 7), nullptr, 8));
  } catch (const std::exception&) {  // no /proc: the usual mask
  }
  return 0666 & ~mask;
}

constexpr std::string_view kMark = ".lmf-";  // of ".model.safetensors.lmf-a1B2c3"

bool is_temporary(std::string_view name) {
  constexpr std::size_t kRandom = 6;
  return name.starts_with('.') && name.size() > kMark.size() + kRandom &&
         name.substr(name.size() - kRandom - kMark.size(), kMark.size()) == kMark;
}

Error write_error(const std::filesystem::path& path, int error_number, std::size_t missing_bytes) {
  struct statvfs disk;
  const bool full = missing_bytes > 0 && (error_number == ENOSPC || error_number == EDQUOT);
  if (!full || ::statvfs(folder_of(path).c_str(), &disk) != 0) return file_error("write", path, error_number);
  const auto free_bytes = static_cast<std::uint64_t>(disk.f_bavail) * disk.f_frsize;
  return Error(fmt::format("cannot write {}: the disk is full ({} more bytes needed, {} free)", path.string(),
                           missing_bytes, free_bytes),
               "free some space or choose a folder on another disk");
}

}  // namespace

void remove_abandoned_files(const std::filesystem::path& folder) {
  std::error_code ignored;
  for (const auto& entry : std::filesystem::directory_iterator(folder, ignored)) {
    if (!is_temporary(entry.path().filename().string())) continue;
    const int descriptor = ::open(entry.path().c_str(), O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (descriptor < 0) continue;
    if (::flock(descriptor, LOCK_EX | LOCK_NB) == 0) ::unlink(entry.path().c_str());
    ::close(descriptor);
  }
}

void flush_folder(const std::filesystem::path& folder) {
  const int descriptor = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (descriptor < 0) return;
  ::fsync(descriptor);  // best effort: some network file systems refuse it
  ::close(descriptor);
}

AtomicFile::AtomicFile(std::filesystem::path path) : path_(std::move(path)) {
  struct stat status;
  if (::stat(path_.c_str(), &status) == 0 && !S_ISREG(status.st_mode))
    throw Error(
        fmt::format("cannot write {}: it exists and is {}, not a file", path_.string(), file_kind(status.st_mode)));
  while (!create_temporary()) {
  }
  ::fchmod(descriptor_, mode_after_umask());
}

/// False when remove_abandoned_files() took the new file for an abandoned one: it was quicker than the lock.
bool AtomicFile::create_temporary() {
  std::string name = (folder_of(path_) / fmt::format(".{}{}XXXXXX", path_.filename().string(), kMark)).string();
  descriptor_ = ::mkostemp(name.data(), O_CLOEXEC);
  if (descriptor_ < 0) throw write_error(path_, errno, 0);
  temporary_ = name;
  // Where the file system knows no locks nobody gets one, and nothing is removed.
  while (::flock(descriptor_, LOCK_EX) != 0 && errno == EINTR) {
  }
  struct stat status;
  if (::fstat(descriptor_, &status) != 0 || status.st_nlink > 0) return true;
  ::close(std::exchange(descriptor_, -1));
  return false;
}

AtomicFile::~AtomicFile() {
  if (descriptor_ < 0) return;
  ::close(descriptor_);
  ::unlink(temporary_.c_str());
}

void AtomicFile::write(const void* data, std::size_t bytes) {
  const char* next = static_cast<const char*>(data);
  while (bytes > 0) {
    const ssize_t count = ::write(descriptor_, next, bytes);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) throw write_error(path_, errno, bytes);
    next += count;
    bytes -= static_cast<std::size_t>(count);
  }
}

void AtomicFile::commit() {
  if (::fsync(descriptor_) != 0 && errno != EINVAL) throw write_error(path_, errno, 0);
  if (::rename(temporary_.c_str(), path_.c_str()) != 0) throw file_error("write", path_, errno);
  const int closed = ::close(std::exchange(descriptor_, -1));
  if (closed != 0) throw write_error(path_, errno, 0);
  flush_folder(folder_of(path_));
}

void write_file_atomically(const std::filesystem::path& path, std::string_view bytes) {
  AtomicFile file(path);
  file.write(bytes);
  file.commit();
}

}  // namespace lmf
