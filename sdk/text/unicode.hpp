#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

/// UTF-8 and the character properties that tokenizers ask for.
namespace lmf::text::unicode {

inline constexpr std::string_view kBlank = "\xE2\x96\x81";  // U+2581, sentencepiece's space

struct Decoded {
  char32_t code;
  std::uint32_t bytes;
};

/// The character that begins at text[at]; `text` must be valid UTF-8 and `at` a character's first byte.
inline Decoded decode(std::string_view text, std::size_t at) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[at + i]); };
  const unsigned char first = byte(0);
  if (first < 0x80) return {first, 1};
  if (first < 0xE0) return {static_cast<char32_t>((first & 0x1F) << 6 | (byte(1) & 0x3F)), 2};
  if (first < 0xF0) return {static_cast<char32_t>((first & 0x0F) << 12 | (byte(1) & 0x3F) << 6 | (byte(2) & 0x3F)), 3};
  return {
      static_cast<char32_t>((first & 0x07) << 18 | (byte(1) & 0x3F) << 12 | (byte(2) & 0x3F) << 6 | (byte(3) & 0x3F)),
      4};
}

/// How many bytes the character that ends just before text[end] has; `text` valid, end > 0.
inline std::size_t bytes_before(std::string_view text, std::size_t end) {
  std::size_t length = 1;
  while (length < end && (static_cast<unsigned char>(text[end - length]) & 0xC0) == 0x80) ++length;
  return length;
}

/// Bytes of the character that begins with `first`.
inline std::size_t bytes_of(char first) {
  const auto byte = static_cast<unsigned char>(first);
  return byte < 0x80 ? 1 : byte < 0xE0 ? 2 : byte < 0xF0 ? 3 : 4;
}

void append(std::string& text, char32_t code);

/// Length of the longest prefix that is valid UTF-8.
std::size_t valid_prefix(std::string_view text);
/// `text` with U+FFFD for every maximal part of a character that is not one (as Python's errors="replace").
std::string replace_invalid(std::string_view text);

/// A character's general category as utf8proc numbers it, with the characters that Unicode 15.1 and 16 added (the
/// tokenizers package's regular expressions know them, Debian's libraries do not yet).
int category(char32_t code);
bool is_letter(char32_t code);
bool is_number(char32_t code);
bool is_space(char32_t code);  ///< Unicode's White_Space
bool is_word(char32_t code);   ///< \w of Rust's regex: alphabetic, mark, decimal digit, connector, joiner

// The steps of the tokenizers package that use no regular expression go by tables of other ages.
bool is_mark(char32_t code);         ///< a combining mark, for StripAccents: by Unicode 9
bool is_punctuation(char32_t code);  ///< general category P, or an ASCII symbol, for Punctuation: by Unicode 8
bool is_numeric(char32_t code);      ///< general category N, for Digits: by Unicode 17
bool is_later_mark(char32_t code);
bool is_later_punctuation(char32_t code);

/// Characters newer than Unicode 14, in order of code.
struct NewerRange {
  char32_t first, last;
  char category[3];  ///< "Lo"
};
std::span<const NewerRange> newer_ranges();

}  // namespace lmf::text::unicode
