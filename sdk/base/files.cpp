#include "base/files.hpp"

#include <cerrno>
#include <cstring>
#include <utility>

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fmt/format.h>

#include "base/open_file.hpp"

namespace lmf {
namespace {

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
  return OpenFile(path).read(limit_bytes);
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
