#include "base/files.hpp"

#include <cerrno>
#include <cstring>
#include <utility>

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fmt/format.h>

namespace lmf {
namespace {

/// A descriptor of a regular file, closed at the end of its scope.
class OpenFile {
 public:
  explicit OpenFile(const std::filesystem::path& path) {
    // Non-blocking, so that a named pipe is refused below and not waited for.
    descriptor_ = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (descriptor_ < 0) throw file_error("read", path, errno);
    struct stat status;
    const int failed = ::fstat(descriptor_, &status) != 0 ? errno : 0;
    if (failed != 0 || !S_ISREG(status.st_mode)) {
      ::close(descriptor_);
      if (failed != 0) throw file_error("read", path, failed);
      throw Error(fmt::format("cannot read {}: it is {}, not a file", path.string(),
                              S_ISDIR(status.st_mode) ? "a folder" : "a device or a pipe"));
    }
    size_ = static_cast<std::uint64_t>(status.st_size);
  }
  ~OpenFile() { ::close(descriptor_); }
  OpenFile(const OpenFile&) = delete;
  OpenFile& operator=(const OpenFile&) = delete;
  int descriptor() const { return descriptor_; }
  std::uint64_t size() const { return size_; }

 private:
  int descriptor_ = -1;
  std::uint64_t size_ = 0;
};

std::string next_step(int error_number) {
  switch (error_number) {
    case ENOSPC:
    case EDQUOT:
      return "free some space or choose a folder on another disk";
    case EFBIG:
      return "raise the limit on file sizes (ulimit -f) or choose another file system";
    case EACCES:
    case EPERM:
      return "check its owner and mode, and those of the folders above it";
    case EROFS:
      return "choose a folder on a file system that can be written";
    case EMFILE:
      return "raise the limit on open files (ulimit -n)";
    case ENFILE:
      return "the whole machine has too many files open: end what is not needed, or raise fs.file-max";
    case ENOENT:
      return "check the spelling, and that the folder exists";
    default:
      return {};
  }
}

}  // namespace

Error file_error(std::string_view action, const std::filesystem::path& path, int error_number) {
  return Error(fmt::format("cannot {} {}: {}", action, path.string(), std::strerror(error_number)),
               next_step(error_number));
}

std::string read_file(const std::filesystem::path& path, std::uint64_t limit_bytes) {
  const OpenFile file(path);
  if (file.size() > limit_bytes)
    throw Error(fmt::format("cannot read {}: it has {} bytes, at most {} are accepted here", path.string(), file.size(),
                            limit_bytes));
  // Files of /proc and /sys say 0 bytes, or a whole page: those are read until the end, one byte beyond the limit to
  // see it.
  std::string content(file.size() > 0 ? file.size() : 4096, '\0');
  std::size_t filled = 0;
  while (filled == 0 || filled != file.size()) {
    if (filled == content.size()) content.resize(content.size() * 2);
    const ssize_t count = ::read(file.descriptor(), content.data() + filled, content.size() - filled);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) throw file_error("read", path, errno);
    if (count == 0) break;
    filled += static_cast<std::size_t>(count);
    if (filled > limit_bytes)
      throw Error(fmt::format("cannot read {}: it has more than the {} bytes that are accepted here", path.string(),
                              limit_bytes));
  }
  content.resize(filled);
  return content;
}

MappedFile::MappedFile(const std::filesystem::path& path) : path_(path) {
  const OpenFile file(path);
  size_ = file.size();
  if (size_ == 0) return;
  void* address = ::mmap(nullptr, size_, PROT_READ, MAP_PRIVATE, file.descriptor(), 0);
  if (address == MAP_FAILED) throw file_error("map into memory", path, errno);
  address_ = address;
}

MappedFile::~MappedFile() {
  if (address_ != nullptr) ::munmap(address_, size_);
}

MappedFile::MappedFile(MappedFile&& other) noexcept
    : path_(std::move(other.path_)),
      address_(std::exchange(other.address_, nullptr)),
      size_(std::exchange(other.size_, 0)) {}

MappedFile& MappedFile::operator=(MappedFile&& other) noexcept {
  std::swap(path_, other.path_);
  std::swap(address_, other.address_);
  std::swap(size_, other.size_);
  return *this;
}

}  // namespace lmf
