#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace lmf::text {

/// Tokens and their ids, both ways. All text lies in one block; looking up allocates nothing.
class Vocabulary {
 public:
  /// `tokens` and `bytes` are sizes to prepare for.
  void reserve(std::size_t tokens, std::size_t bytes);
  /// A later token with the same text or the same id wins. `id` must be in [0, kMaximumId].
  void add(std::string_view token, std::int32_t id);

  /// -1 when unknown.
  std::int32_t find(std::string_view token) const;
  /// Empty when no token has this id.
  std::string_view token(std::int32_t id) const;
  bool contains(std::int32_t id) const;
  std::size_t size() const { return count_; }  ///< distinct texts
  std::int32_t id_bound() const { return static_cast<std::int32_t>(places_.size()); }

  static constexpr std::int32_t kMaximumId = (1 << 22) - 1;

 private:
  struct Entry {
    std::uint64_t offset = 0;
    std::uint32_t length = 0;
    std::int32_t id = -1;  // -1: a free place
  };
  std::string_view text(const Entry& entry) const { return {text_.data() + entry.offset, entry.length}; }
  std::size_t slot(std::string_view token) const;

  std::string text_;
  std::vector<Entry> entries_;  // a hash table, linear probing; its size is a power of two
  std::vector<Entry> places_;   // by id
  std::size_t count_ = 0;
};

}  // namespace lmf::text
