#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

#include <sys/stat.h>

namespace lmf {

/// A regular file that is open for reading, closed at the end of its scope.
class OpenFile {
 public:
  /// `path` has to outlive it. Throws Error naming that and the system's reason, or what else than a file it is.
  explicit OpenFile(const std::filesystem::path& path);
  explicit OpenFile(std::filesystem::path&& path) = delete;
  ~OpenFile();
  OpenFile(const OpenFile&) = delete;
  OpenFile& operator=(const OpenFile&) = delete;

  int descriptor() const { return descriptor_; }
  std::uint64_t size() const { return static_cast<std::uint64_t>(status_.st_size); }
  /// What fstat(2) says: of what is read, whatever becomes of its name meanwhile.
  const struct stat& status() const { return status_; }
  /// The path's last name is a link to the file.
  bool by_link() const { return by_link_; }

  /// All of it. Throws Error, also when that is more than `limit_bytes`.
  std::string read(std::uint64_t limit_bytes) const;

 private:
  const std::filesystem::path& path_;
  int descriptor_ = -1;
  struct stat status_ {};
  bool by_link_ = false;
};

}  // namespace lmf
