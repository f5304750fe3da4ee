#pragma once

#include <array>
#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>
#include <vector>

namespace lmf::text {

/// Remembers the ids of short words. A fixed block: one line of 64 bytes a word, a newer word takes an older one's
/// place, nothing is allocated after construction. Not for several threads at once.
class WordCache {
 public:
  static constexpr std::size_t kLongestWord = 31;  ///< bytes
  static constexpr std::size_t kMostIds = 7;

  /// What find() and insert() need of a word of 1..kLongestWord bytes.
  struct Key {
    std::array<std::uint64_t, 4> words{};  // the bytes, zeros, the length
    std::size_t slot = 0;
  };

  Key key(std::string_view word) const {
    Key key;
    std::memcpy(key.words.data(), word.data(), word.size());
    key.words[3] |= std::uint64_t{word.size()} << 56;
    std::uint64_t hash = (key.words[0] ^ (key.words[2] * 0x9E3779B97F4A7C15u)) * 0xD6E8FEB86659FD93u;
    hash ^= (key.words[1] ^ (key.words[3] * 0xC2B2AE3D27D4EB4Fu)) * 0xA0761D6478BD642Fu;
    hash = (hash ^ hash >> 32) * 0x9E3779B97F4A7C15u;
    key.slot = hash >> (64 - kSlotBits);
    return key;
  }

  /// Empty when the word is not known.
  std::span<const std::int32_t> find(const Key& key) const {
    const Line& line = lines_[key.slot];
    if (line.words != key.words) return {};
    return {line.ids.data(), static_cast<std::size_t>(line.count)};
  }

  void insert(const Key& key, std::span<const std::int32_t> ids) {
    if (ids.empty() || ids.size() > kMostIds) return;
    Line& line = lines_[key.slot];
    line.words = key.words;
    line.count = static_cast<std::int32_t>(ids.size());
    std::memcpy(line.ids.data(), ids.data(), ids.size_bytes());
  }

 private:
  static constexpr int kSlotBits = 15;  // 2 MiB: most words of a text, and near the size of a core's own cache
  struct alignas(64) Line {
    std::array<std::uint64_t, 4> words{};
    std::array<std::int32_t, kMostIds> ids{};
    std::int32_t count = 0;
  };
  std::vector<Line> lines_ = std::vector<Line>(std::size_t{1} << kSlotBits);
};

}  // namespace lmf::text
