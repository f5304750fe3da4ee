#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <stdexcept>
#include <string>

#include <sys/mman.h>
#include <unistd.h>

#include "support/places.hpp"

namespace lmf::test {

/// A folder with one file whose content is in memory and replaced for each input: a reader that takes paths can be
/// fuzzed as it is, at the speed of memory.
class FuzzFolder {
 public:
  explicit FuzzFolder(const std::string& name)
      : descriptor_(::memfd_create(name.c_str(), MFD_CLOEXEC)), file_(folder_.path() / name) {
    if (descriptor_ < 0) throw std::runtime_error("memfd_create failed");
    std::filesystem::create_symlink("/proc/self/fd/" + std::to_string(descriptor_), file_);
  }
  ~FuzzFolder() { ::close(descriptor_); }
  FuzzFolder(const FuzzFolder&) = delete;
  FuzzFolder& operator=(const FuzzFolder&) = delete;

  const std::filesystem::path& path() const { return folder_.path(); }
  const std::filesystem::path& file() const { return file_; }

  void fill(const std::uint8_t* data, std::size_t size) const {
    if (::ftruncate(descriptor_, 0) != 0 || ::pwrite(descriptor_, data, size, 0) != static_cast<ssize_t>(size))
      throw std::runtime_error("an input cannot be stored");
  }

 private:
  TemporaryFolder folder_;
  int descriptor_;
  std::filesystem::path file_;
};

}  // namespace lmf::test
