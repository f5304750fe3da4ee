#include "base/open_file.hpp"

#include <cerrno>

#include <fcntl.h>
#include <unistd.h>

#include <fmt/format.h>

#include "base/file_kind.hpp"
#include "base/files.hpp"

namespace lmf {

OpenFile::OpenFile(const std::filesystem::path& path) : path_(path) {
  // Non-blocking, so that a named pipe is refused below and not waited for.
  constexpr int kFlags = O_RDONLY | O_CLOEXEC | O_NONBLOCK;
  descriptor_ = ::open(path.c_str(), kFlags | O_NOFOLLOW);
  by_link_ = descriptor_ < 0 && errno == ELOOP;
  if (by_link_) descriptor_ = ::open(path.c_str(), kFlags);
  if (descriptor_ < 0) throw file_error("read", path, errno);
  const int failed = ::fstat(descriptor_, &status_) != 0 ? errno : 0;
  if (failed != 0 || !S_ISREG(status_.st_mode)) {
    ::close(descriptor_);
    if (failed != 0) throw file_error("read", path, failed);
    throw Error(fmt::format("cannot read {}: it is {}, not a file", path.string(), file_kind(status_.st_mode)));
  }
}

OpenFile::~OpenFile() { ::close(descriptor_); }

std::string OpenFile::read(std::uint64_t limit_bytes) const {
  if (size() > limit_bytes)
    throw Error(fmt::format("cannot read {}: it has {} bytes, at most {} are accepted here", path_.string(), size(),
                            limit_bytes));
  // Files of /proc and /sys say 0 bytes, or a whole page: those are read until the end, one byte beyond the limit to
  // see it.
  std::string content(size() > 0 ? size() : 4096, '\0');
  std::size_t filled = 0;
  while (filled == 0 || filled != size()) {
    if (filled == content.size()) content.resize(content.size() * 2);
    const ssize_t count = ::read(descriptor_, content.data() + filled, content.size() - filled);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) throw file_error("read", path_, errno);
    if (count == 0) break;
    filled += static_cast<std::size_t>(count);
    if (filled > limit_bytes)
      throw Error(fmt::format("cannot read {}: it has more than the {} bytes that are accepted here", path_.string(),
                              limit_bytes));
  }
  content.resize(filled);
  return content;
}

}  // namespace lmf
