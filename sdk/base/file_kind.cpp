#include "base/file_kind.hpp"

#include <cerrno>
#include <cstring>
#include <system_error>

#include <sys/stat.h>

#include <fmt/format.h>

namespace lmf {

const char* file_kind(mode_t mode) {
  if (S_ISDIR(mode)) return "a folder";
  if (S_ISFIFO(mode)) return "a named pipe";
  if (S_ISSOCK(mode)) return "a socket";
  return "a device";
}

std::optional<std::string> why_no_file(const std::filesystem::path& path) {
  struct stat status;
  if (::stat(path.c_str(), &status) == 0) {
    if (S_ISREG(status.st_mode)) return std::nullopt;
    return fmt::format("is {}", file_kind(status.st_mode));
  }
  const int error_number = errno;
  if (error_number == ELOOP) return "is a link that leads to no file";
  if (error_number != ENOENT && error_number != ENOTDIR)
    return fmt::format("cannot be looked at ({})", std::strerror(error_number));
  std::error_code no_link;
  const auto target = std::filesystem::read_symlink(path, no_link);
  return no_link ? "is not there" : fmt::format("is a link to {}, which is not there", target.string());
}

}  // namespace lmf
