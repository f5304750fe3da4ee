#include "base/library_file.hpp"

#include <algorithm>
#include <bit>
#include <cerrno>
#include <cstring>

#include <elf.h>
#include <link.h>
#include <unistd.h>

#include <fmt/format.h>

#include "base/file_kind.hpp"
#include "base/files.hpp"
#include "base/open_file.hpp"

namespace lmf {
namespace {

using Header = ElfW(Ehdr);
using Segment = ElfW(Phdr);

/// The last byte that the headers claim, or 0 when `bytes` does not begin as a library of this machine's kind.
std::uint64_t claimed_size(std::span<const std::byte> bytes) {
  Header header;
  if (bytes.size() < sizeof header) return 0;
  std::memcpy(&header, bytes.data(), sizeof header);
  if (std::memcmp(header.e_ident, ELFMAG, SELFMAG) != 0 ||
      header.e_ident[EI_CLASS] != (sizeof(void*) == 8 ? ELFCLASS64 : ELFCLASS32) ||
      header.e_ident[EI_DATA] != (std::endian::native == std::endian::little ? ELFDATA2LSB : ELFDATA2MSB))
    return 0;
  const std::uint64_t segments_end = header.e_phoff + std::uint64_t{header.e_phnum} * sizeof(Segment);
  if (header.e_phentsize != sizeof(Segment)) return 0;
  std::uint64_t end = std::max(segments_end, header.e_shoff + std::uint64_t{header.e_shnum} * header.e_shentsize);
  if (segments_end < header.e_phoff || segments_end > bytes.size()) return end;
  for (std::size_t i = 0; i < header.e_phnum; ++i) {
    Segment segment;
    std::memcpy(&segment, bytes.data() + header.e_phoff + i * sizeof segment, sizeof segment);
    if (segment.p_type == PT_LOAD) end = std::max(end, std::uint64_t{segment.p_offset} + segment.p_filesz);
  }
  return end;
}

/// The beginning of a file, with the headers, and how long it is. Read: to map it for that would take three times as
/// long, and help asks this of hundreds.
struct Head {
  explicit Head(const std::filesystem::path& path) : bytes(4096) {
    const OpenFile file(path);
    const ssize_t count = ::pread(file.descriptor(), bytes.data(), bytes.size(), 0);
    if (count < 0) throw file_error("read", path, errno);
    bytes.resize(static_cast<std::size_t>(count));
    file_bytes = file.size();
  }
  std::vector<std::byte> bytes;
  std::uint64_t file_bytes = 0;
};

/// The machine that this code was built for, by its number in ELF headers.
constexpr unsigned kThisMachine =
#if defined(__x86_64__)
    EM_X86_64;
#elif defined(__aarch64__)
    EM_AARCH64;
#else
    EM_NONE;  // any
#endif

bool is_library_of_this_machine(std::span<const std::byte> bytes) {
  Header header;
  if (claimed_size(bytes) == 0) return false;
  std::memcpy(&header, bytes.data(), sizeof header);
  return header.e_type == ET_DYN && (kThisMachine == EM_NONE || header.e_machine == kThisMachine);
}

/// As programs do, and few libraries.
bool has_interpreter(std::span<const std::byte> head) {
  Header header;
  std::memcpy(&header, head.data(), sizeof header);
  for (std::size_t i = 0; i < header.e_phnum; ++i) {
    Segment segment;
    const std::uint64_t at = header.e_phoff + i * sizeof segment;
    if (at > head.size() || head.size() - at < sizeof segment) return false;
    std::memcpy(&segment, head.data() + at, sizeof segment);
    if (segment.p_type == PT_INTERP) return true;
  }
  return false;
}

/// The file that is read at hostile offsets: nothing, where one is outside.
class ReadableElf {
 public:
  explicit ReadableElf(std::span<const std::byte> bytes) : bytes_(bytes) {
    if (!is_library_of_this_machine(bytes)) return;
    std::memcpy(&header_, bytes.data(), sizeof header_);
    for (std::size_t i = 0; i < header_.e_phnum; ++i)
      if (Segment segment; read(header_.e_phoff + i * sizeof segment, segment)) segments_.push_back(segment);
  }

  std::vector<std::string> needed() const {
    std::vector<std::uint64_t> names;
    std::uint64_t table = 0;
    for (const ElfW(Dyn) & entry : dynamic_entries()) {
      if (entry.d_tag == DT_NEEDED) names.push_back(entry.d_un.d_val);
      if (entry.d_tag == DT_STRTAB) table = entry.d_un.d_ptr;
    }
    std::vector<std::string> result;
    for (const std::uint64_t name : names)
      if (std::string text = text_at(file_offset(table) + name); !text.empty()) result.push_back(std::move(text));
    return result;
  }

  /// Linked with -pie: of the type of a library, and yet the loader takes it for none.
  bool is_program() const {
    const auto entries = dynamic_entries();
    return std::any_of(entries.begin(), entries.end(), [](const ElfW(Dyn) & entry) {
      return entry.d_tag == DT_FLAGS_1 && (entry.d_un.d_val & DF_1_PIE) != 0;
    });
  }

  /// What the note of that owner says; "" for none.
  std::string note(std::string_view owner) const {
    for (const Segment& segment : segments_) {
      if (segment.p_type != PT_NOTE) continue;
      const std::uint64_t alignment = segment.p_align == 8 ? 8 : 4;
      const auto aligned = [&](std::uint64_t size) { return (size + alignment - 1) / alignment * alignment; };
      ElfW(Nhdr) header;
      for (std::uint64_t at = 0; at < segment.p_filesz && read(segment.p_offset + at, header);) {
        const std::uint64_t text = aligned(at + sizeof header + header.n_namesz);
        if (text_at(segment.p_offset + at + sizeof header) == owner) return text_at(segment.p_offset + text);
        at = aligned(text + header.n_descsz);
      }
    }
    return {};
  }

 private:
  std::vector<ElfW(Dyn)> dynamic_entries() const {
    std::vector<ElfW(Dyn)> entries;
    for (const Segment& segment : segments_) {
      if (segment.p_type != PT_DYNAMIC) continue;
      ElfW(Dyn) entry;
      for (std::uint64_t at = 0; at < segment.p_filesz && read(segment.p_offset + at, entry); at += sizeof entry) {
        if (entry.d_tag == DT_NULL) break;
        entries.push_back(entry);
      }
    }
    return entries;
  }
  template <class T>
  bool read(std::uint64_t offset, T& value) const {
    if (offset > bytes_.size() || bytes_.size() - offset < sizeof value) return false;
    std::memcpy(&value, bytes_.data() + offset, sizeof value);
    return true;
  }
  /// Of an address in the loaded library; past the end when no segment has it.
  std::uint64_t file_offset(std::uint64_t address) const {
    for (const Segment& segment : segments_)
      if (segment.p_type == PT_LOAD && address >= segment.p_vaddr && address - segment.p_vaddr < segment.p_filesz)
        return segment.p_offset + (address - segment.p_vaddr);
    return bytes_.size();
  }
  std::string text_at(std::uint64_t offset) const {
    if (offset >= bytes_.size()) return {};
    const std::string_view rest(reinterpret_cast<const char*>(bytes_.data()) + offset,
                                std::min<std::uint64_t>(bytes_.size() - offset, kLongestName));
    return std::string(rest.substr(0, rest.find('\0')));
  }

  static constexpr std::uint64_t kLongestName = 4096;
  std::span<const std::byte> bytes_;
  Header header_{};
  std::vector<Segment> segments_;
};

}  // namespace

std::vector<std::string> needed_libraries(const std::filesystem::path& path) {
  const MappedFile file(path);
  return ReadableElf(file.bytes()).needed();
}

std::vector<std::filesystem::path> libraries_installed_with(const std::filesystem::path& library) {
  std::error_code no_folder;
  const auto folder = std::filesystem::canonical(library.parent_path(), no_folder);
  if (no_folder) return {};
  std::vector<std::filesystem::path> found;
  const auto add = [&](const std::filesystem::path& path) {
    if (!why_no_file(path) && std::find(found.begin(), found.end(), path) == found.end()) found.push_back(path);
  };
  add(folder / library.filename());
  for (std::size_t next = 0; next < found.size(); ++next) try {
      for (const std::string& needed : needed_libraries(found[next]))
        if (needed.find('/') == needed.npos) add(folder / needed);
    } catch (const Error&) {
    }
  return found;
}

std::optional<std::string> why_no_library(const std::filesystem::path& path) {
  const Head head(path);
  if (!is_library_of_this_machine(head.bytes)) return "it is no shared library of this machine";
  const std::uint64_t claimed = claimed_size(head.bytes);
  if (claimed <= head.file_bytes) {
    if (has_interpreter(head.bytes) && ReadableElf(MappedFile(path).bytes()).is_program())
      return "it is a program, no library";
    return std::nullopt;
  }
  return fmt::format("it is cut off: it has {} of its {} bytes", head.file_bytes, claimed);
}

std::string build_tag_of(const std::filesystem::path& path) {
  try {
    const MappedFile file(path);
    return ReadableElf(file.bytes()).note("lmf");
  } catch (const Error&) {
    return {};
  }
}

}  // namespace lmf
