#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>

#include "lmf/error.hpp"

namespace lmf {

/// "cannot ACTION PATH: the system's reason", with what to do when the disk is full or a right is missing.
/// `error_number` is errno as the failing call left it.
Error file_error(std::string_view action, const std::filesystem::path& path, int error_number);

/// The whole file as bytes. Throws Error naming the path and the system's reason, or when it is larger than
/// `limit_bytes`, or not a regular file.
std::string read_file(const std::filesystem::path& path, std::uint64_t limit_bytes = std::uint64_t{1} << 30);

/// Writes a file under a temporary name in the same folder and renames it: readers see the old or the new content,
/// never a part. Without commit() (an exception, a full disk) the temporary file is removed and the old one stays; what
/// a killed process leaves, remove_abandoned_files() finds.
/// Refuses to replace what is not a regular file (a folder, a device).
class AtomicFile {
 public:
  explicit AtomicFile(std::filesystem::path path);
  ~AtomicFile();
  AtomicFile(const AtomicFile&) = delete;
  AtomicFile& operator=(const AtomicFile&) = delete;

  /// Throws Error with path, system reason and, when the disk is full, how much was needed and is free.
  void write(const void* data, std::size_t bytes);
  void write(std::string_view text) { write(text.data(), text.size()); }
  /// Flushes to the device and renames.
  void commit();

 private:
  bool create_temporary();
  std::filesystem::path path_, temporary_;
  int descriptor_ = -1;
};

void write_file_atomically(const std::filesystem::path& path, std::string_view bytes);

/// Removes what AtomicFiles of processes that were killed left in the folder. A file that is being written, by
/// whichever process, is locked and stays.
void remove_abandoned_files(const std::filesystem::path& folder);

/// Makes what was created, renamed or removed in a folder reach the device: without it a power cut may bring the old
/// entries back.
void flush_folder(const std::filesystem::path& folder);

/// A read-only memory map; empty files give an empty span. Throws Error when the path is no readable regular file.
class MappedFile {
 public:
  explicit MappedFile(const std::filesystem::path& path);
  ~MappedFile();
  MappedFile(MappedFile&& other) noexcept;
  MappedFile& operator=(MappedFile&& other) noexcept;
  std::span<const std::byte> bytes() const { return {static_cast<const std::byte*>(address_), size_}; }
  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
  void* address_ = nullptr;
  std::size_t size_ = 0;
};

}  // namespace lmf
