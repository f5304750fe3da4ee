#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "text/vocabulary.hpp"
#include "text/word_cache.hpp"

namespace lmf::text {

/// Rank and result of joining two neighbouring tokens: a hash table with linear probing, filled once.
class MergeTable {
 public:
  struct Merge {
    std::uint64_t pair = kFree;  // left id in the upper half
    std::uint32_t rank = 0;
    std::int32_t result = 0;
  };

  void reserve(std::size_t merges);
  void add(std::int32_t left, std::int32_t right, std::uint32_t rank, std::int32_t result);
  /// Null when the two do not join.
  const Merge* find(std::int32_t left, std::int32_t right) const {
    const std::uint64_t wanted = pack(left, right);
    for (std::size_t at = slot(wanted);; at = (at + 1) & mask_) {
      const Merge& merge = merges_[at];
      if (merge.pair == wanted) return &merge;
      if (merge.pair == kFree) return nullptr;
    }
  }
  template <class Function>
  void for_each_result(Function&& function) const {
    for (const Merge& merge : merges_)
      if (merge.pair != kFree) function(merge.result);
  }

 private:
  static constexpr std::uint64_t kFree = ~std::uint64_t{0};
  static std::uint64_t pack(std::int32_t left, std::int32_t right) {
    return std::uint64_t{static_cast<std::uint32_t>(left)} << 32 | static_cast<std::uint32_t>(right);
  }
  std::size_t slot(std::uint64_t pair) const {
    return static_cast<std::size_t>((pair * 0x9E3779B97F4A7C15u) >> 32) & mask_;
  }
  std::vector<Merge> merges_ = std::vector<Merge>(1);
  std::size_t mask_ = 0;
};

struct BpeOptions {
  std::string unk_token;  ///< "" : none
  std::string continuing_subword_prefix, end_of_word_suffix;
  bool fuse_unk = false, byte_fallback = false, ignore_merges = false;
};

/// What one call of encode() works with; kept and reused, so that the hot path allocates nothing.
struct BpeWorkspace {
  struct Symbol {
    std::int32_t id;
    std::int32_t previous, next;  // -1: none
    bool gone;
  };
  struct Candidate {
    std::uint32_t rank;
    std::int32_t position, result;
    // The heap's top is the smallest: lowest rank, then leftmost.
    bool operator<(const Candidate& other) const {
      return rank != other.rank ? rank > other.rank : position > other.position;
    }
  };
  WordCache cache;
  std::vector<std::int32_t> ids;
  std::vector<std::uint32_t> ranks;
  std::vector<Symbol> symbols;
  std::vector<Candidate> heap;
  std::string text;
};

/// Byte-pair encoding: a word's characters (or bytes) become tokens, and neighbours join, lowest rank first, leftmost
/// first among equals. Words of up to kShortWord symbols are joined by scanning, longer ones with a heap: n log n.
class Bpe {
 public:
  /// `maps_bytes`: words come as raw bytes and every byte stands for its character of the byte-level alphabet.
  Bpe(const Vocabulary& vocabulary, MergeTable merges, BpeOptions options, bool maps_bytes);

  void tokenize(std::string_view word, BpeWorkspace& work, std::vector<std::int32_t>& out) const;
  /// The raw bytes of a token written in the byte-level alphabet; nothing when it is not.
  std::optional<std::string_view> raw(std::int32_t id) const;

 private:
  static constexpr std::size_t kShortWord = 48;
  bool no_merge_reaches_over_blanks() const;
  void tokenize_word(std::string_view word, BpeWorkspace& work, std::vector<std::int32_t>& out) const;
  bool split_bytes(std::string_view word, std::vector<std::int32_t>& ids) const;
  void split_characters(std::string_view word, BpeWorkspace& work) const;
  bool fall_back_to_bytes(std::string_view symbol, std::vector<std::int32_t>& ids) const;
  void join_short(BpeWorkspace& work) const;
  void join_long(BpeWorkspace& work) const;
  std::uint32_t rank(std::int32_t left, std::int32_t right) const;

  const Vocabulary& vocabulary_;
  Vocabulary raw_;  // tokens of the byte-level alphabet, as bytes
  MergeTable merges_;
  BpeOptions options_;
  bool maps_bytes_;
  std::int32_t unk_id_;
  std::vector<std::int32_t> byte_ids_;      // of the 256 bytes in the byte-level alphabet, -1: not in the vocabulary
  std::vector<std::int32_t> fallback_ids_;  // of <0x00>..<0xFF>
  bool all_bytes_known_;
  bool cuts_at_blanks_;  // see no_merge_reaches_over_blanks()
};

/// GPT-2's alphabet: each byte as a printable character.
char32_t byte_to_character(unsigned char byte);
int character_to_byte(char32_t code);  ///< -1: not of the alphabet
/// `text` with every byte written as its character.
void append_mapped(std::string& mapped, std::string_view text);
/// The bytes that `mapped` stands for; nothing when a character is not of the alphabet.
std::optional<std::string> unmapped(std::string_view mapped);

}  // namespace lmf::text
