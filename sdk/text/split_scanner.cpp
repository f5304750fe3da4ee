#include "text/split_scanner.hpp"

#include <array>
#include <cstdint>

#include <utf8proc.h>

#include "text/unicode.hpp"

namespace lmf::text {

const std::string_view kGpt2Pattern = R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)";
const std::string_view kLlama3Pattern =
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)";
const std::string_view kQwen2Pattern =
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)";
const std::string_view kTekkenPattern =
    R"([^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+|)"
    R"([^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*|)"
    R"(\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+)";

namespace {

// What the patterns ask of a character.
enum Kind : std::uint8_t {
  kLetter = 1,
  kNumber = 2,
  kSpace = 4,
  kLineEnd = 8,
  kUpper = 16,  // Lu Lt Lm Lo M: may stand in a word's capital part (Tekken)
  kLower = 32,  // Ll Lm Lo M: in its small part
};

std::uint8_t kind_of_category(int category) {
  switch (category) {
    case UTF8PROC_CATEGORY_LU:
    case UTF8PROC_CATEGORY_LT:
      return kLetter | kUpper;
    case UTF8PROC_CATEGORY_LL:
      return kLetter | kLower;
    case UTF8PROC_CATEGORY_LM:
    case UTF8PROC_CATEGORY_LO:
      return kLetter | kUpper | kLower;
    case UTF8PROC_CATEGORY_MN:
    case UTF8PROC_CATEGORY_MC:
    case UTF8PROC_CATEGORY_ME:
      return kUpper | kLower;
    case UTF8PROC_CATEGORY_ND:
    case UTF8PROC_CATEGORY_NL:
    case UTF8PROC_CATEGORY_NO:
      return kNumber;
    default:
      return 0;
  }
}

constexpr std::array<std::uint8_t, 128> make_ascii() {
  std::array<std::uint8_t, 128> kinds{};
  for (std::size_t c = 'a'; c <= 'z'; ++c) kinds[c] = kLetter | kLower;
  for (std::size_t c = 'A'; c <= 'Z'; ++c) kinds[c] = kLetter | kUpper;
  for (std::size_t c = '0'; c <= '9'; ++c) kinds[c] = kNumber;
  for (std::size_t c = 9; c <= 13; ++c) kinds[c] = kSpace;
  kinds[' '] = kSpace;
  kinds['\n'] = kinds['\r'] = kSpace | kLineEnd;
  return kinds;
}
constexpr std::array<std::uint8_t, 128> kAscii = make_ascii();

struct Character {
  std::uint8_t kind;
  std::uint32_t bytes;  // 0 at the end of the text
  bool is(std::uint8_t kinds) const { return kind & kinds; }
  bool is_symbol() const { return bytes != 0 && !is(kLetter | kNumber | kSpace); }
};

inline Character character(std::string_view text, std::size_t at) {
  if (at >= text.size()) return {0, 0};
  const auto byte = static_cast<unsigned char>(text[at]);
  if (byte < 0x80) return {kAscii[byte], 1};
  const auto [code, bytes] = unicode::decode(text, at);
  if (unicode::is_space(code)) return {kSpace, bytes};
  return {kind_of_category(unicode::category(code)), bytes};
}

inline std::size_t skip(std::string_view text, std::size_t at, std::uint8_t kinds) {
  for (Character c = character(text, at); c.is(kinds); c = character(text, at)) at += c.bytes;
  return at;
}

inline std::size_t skip_symbols(std::string_view text, std::size_t at) {
  for (Character c = character(text, at); c.is_symbol(); c = character(text, at)) at += c.bytes;
  return at;
}

/// 's 't 're 've 'm 'll 'd after the apostrophe at text[at]; 0: none. Any case: also U+017F, the long s.
std::size_t contraction(std::string_view text, std::size_t at, bool any_case) {
  const auto letter = [&](std::size_t i) {
    const char c = i < text.size() ? text[i] : '\0';
    return any_case && c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  };
  const char first = letter(at + 1), second = letter(at + 2);
  if (first == 's' || first == 't' || first == 'm' || first == 'd') return 2;
  if ((first == 'r' && second == 'e') || (first == 'v' && second == 'e') || (first == 'l' && second == 'l')) return 3;
  return any_case && text.substr(at + 1, 2) == "\xC5\xBF" ? 3 : 0;
}

/// The tail that all patterns share: a run of white space but for its last character when something follows.
std::size_t blanks(std::string_view text, std::size_t at) {
  const std::size_t end = skip(text, at, kSpace);
  if (end == text.size()) return end;
  const std::size_t last = end - unicode::bytes_before(text, end);
  return last > at ? last : end;
}

/// \s*[\r\n]+ : white space up to its last line end; 0: no line end in it.
std::size_t through_line_ends(std::string_view text, std::size_t at) {
  std::size_t found = 0;
  for (Character c = character(text, at); c.is(kSpace); c = character(text, at)) {
    at += c.bytes;
    if (c.is(kLineEnd)) found = at;
  }
  return found;
}

std::size_t gpt2(std::string_view text, std::size_t at) {
  if (text[at] == '\'')
    if (const std::size_t length = contraction(text, at, false)) return at + length;
  const std::size_t start = at + (text[at] == ' ' ? 1 : 0);
  const Character first = character(text, start);
  if (first.is(kLetter)) return skip(text, start + first.bytes, kLetter);
  if (first.is(kNumber)) return skip(text, start + first.bytes, kNumber);
  if (first.is_symbol()) return skip_symbols(text, start + first.bytes);
  return blanks(text, at);
}

/// What follows the words and numbers in Llama 3's, Qwen 2's and Tekken's patterns.
std::size_t symbols_or_blanks(std::string_view text, std::size_t at, bool slash_ends) {
  const std::size_t start = at + (text[at] == ' ' ? 1 : 0);
  if (const Character first = character(text, start); first.is_symbol()) {
    std::size_t end = skip_symbols(text, start + first.bytes);
    while (end < text.size() && (text[end] == '\r' || text[end] == '\n' || (slash_ends && text[end] == '/'))) ++end;
    return end;
  }
  if (const std::size_t end = through_line_ends(text, at)) return end;
  return blanks(text, at);
}

template <int most_digits>
std::size_t llama3(std::string_view text, std::size_t at) {
  if (text[at] == '\'')
    if (const std::size_t length = contraction(text, at, true)) return at + length;
  const Character first = character(text, at);
  if (first.is(kLetter)) return skip(text, at + first.bytes, kLetter);
  if (first.is(kNumber)) {
    std::size_t end = at + first.bytes;
    for (int digits = 1; digits < most_digits; ++digits) {
      const Character c = character(text, end);
      if (!c.is(kNumber)) break;
      end += c.bytes;
    }
    return end;
  }
  if (!first.is(kLineEnd))
    if (const Character second = character(text, at + first.bytes); second.is(kLetter))
      return skip(text, at + first.bytes + second.bytes, kLetter);
  return symbols_or_blanks(text, at, false);
}

/// Tekken's first word, capitals* smalls+, begun at `at`; 0: none.
std::size_t small_word(std::string_view text, std::size_t at) {
  std::size_t end = at, both = 0;  // both: after the last character of the capitals that may also be a small one
  for (Character c = character(text, end); c.is(kUpper); c = character(text, end)) {
    end += c.bytes;
    if (c.is(kLower)) both = end;
  }
  const std::size_t smalls = skip(text, end, kLower);
  return smalls > end ? smalls : both;  // without a small one behind, capitals are given back
}

/// Its second, capitals+ smalls*, where the first found nothing, so that no small one follows; 0: none.
std::size_t capital_word(std::string_view text, std::size_t at) {
  const std::size_t end = skip(text, at, kUpper);
  return end > at ? end : 0;
}

std::size_t tekken(std::string_view text, std::size_t at) {
  const Character first = character(text, at);
  const std::size_t second = first.is(kLetter | kNumber | kLineEnd) ? at : at + first.bytes;
  if (const std::size_t end = small_word(text, second)) return end;
  if (const std::size_t end = small_word(text, at)) return end;
  if (const std::size_t end = capital_word(text, second)) return end;
  if (const std::size_t end = capital_word(text, at)) return end;
  if (first.is(kNumber)) return at + first.bytes;
  return symbols_or_blanks(text, at, true);
}

}  // namespace

WordScanner scanner_for(std::string_view pattern) {
  if (pattern == kGpt2Pattern) return gpt2;
  if (pattern == kLlama3Pattern) return llama3<3>;
  if (pattern == kQwen2Pattern) return llama3<1>;
  if (pattern == kTekkenPattern) return tekken;
  return nullptr;
}

}  // namespace lmf::text
