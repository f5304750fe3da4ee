#pragma once

#include <array>
#include <bit>
#include <cstdint>

namespace lmf::data {

static_assert(std::endian::native == std::endian::little, "token stores are little-endian and mapped as they are");

inline constexpr std::array<char, 8> kStoreMagic = {'l', 'm', 'f', 't', 'o', 'k', 'e', 'n'};
/// Of the file and of what prepare() puts into it: part of the cache key.
inline constexpr std::uint32_t kStoreFormat = 3;

struct StoreHeader {
  std::array<char, 8> magic = kStoreMagic;
  std::uint32_t format = kStoreFormat;
  std::uint32_t vocab_size = 0;
  std::array<std::uint64_t, 6> reserved = {};
};
static_assert(sizeof(StoreHeader) == 64);

/// One example: ids, then labels, `length` int32 each, from byte `offset`.
struct StoreEntry {
  std::uint64_t offset = 0;
  std::uint32_t length = 0;
  std::uint32_t file = 0;
  std::uint64_t line = 0;
  std::uint64_t record = 0;  ///< its number in the file, from 1
};
static_assert(sizeof(StoreEntry) == 32);

/// The last bytes of the file. The index is `count` entries and a JSON text of `text_bytes`; the checksum (XXH3, 64
/// bits) covers it and the trailer's own fields before it.
struct StoreTrailer {
  std::uint64_t index_offset = 0, count = 0, text_bytes = 0, tokens = 0, checksum = 0;
};
static_assert(sizeof(StoreTrailer) == 40);

}  // namespace lmf::data
