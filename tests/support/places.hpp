#pragma once

#include <cstdlib>
#include <filesystem>
#include <optional>
#include <string>

#include <unistd.h>

namespace lmf::test {

/// tests/fixtures of the source tree: small files that are committed.
inline std::filesystem::path fixtures() { return std::filesystem::path(LMF_SOURCE_DIR) / "tests/fixtures"; }
inline std::filesystem::path share() { return std::filesystem::path(LMF_SOURCE_DIR) / "share"; }
/// bin/lmf of the build tree.
inline std::filesystem::path executable() { return std::filesystem::path(LMF_BINARY_DIR) / "bin/lmf"; }

/// The reference numbers, which are not part of the project.
inline std::optional<std::filesystem::path> shared_directory() {
  const char* named = std::getenv("LMF_SHARED");
  const std::filesystem::path place = named ? named : std::filesystem::path(LMF_SOURCE_DIR) / "../shared";
  if (std::filesystem::is_directory(place / "parity")) return std::filesystem::canonical(place);
  return std::nullopt;
}

/// A folder of its own, removed at the end.
class TemporaryFolder {
 public:
  TemporaryFolder() {
    std::string name = (std::filesystem::temp_directory_path() / "lmf-test-XXXXXX").string();
    if (!::mkdtemp(name.data()))
      throw std::filesystem::filesystem_error("mkdtemp", name, std::error_code(errno, std::generic_category()));
    path_ = name;
  }
  ~TemporaryFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

}  // namespace lmf::test
