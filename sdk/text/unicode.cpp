#include "text/unicode.hpp"

#include <algorithm>
#include <array>

#include <utf8proc.h>

namespace lmf::text::unicode {
namespace {

constexpr std::array<const char*, 30> kCategoryNames = {"Cn", "Lu", "Ll", "Lt", "Lm", "Lo", "Mn", "Mc", "Me", "Nd",
                                                        "Nl", "No", "Pc", "Pd", "Ps", "Pe", "Pi", "Pf", "Po", "Sm",
                                                        "Sc", "Sk", "So", "Zs", "Zl", "Zp", "Cc", "Cf", "Cs", "Co"};

int newer_category(char32_t code) {
  const auto ranges = newer_ranges();
  const auto range =
      std::lower_bound(ranges.begin(), ranges.end(), code, [](const NewerRange& r, char32_t c) { return r.last < c; });
  if (range == ranges.end() || code < range->first) return UTF8PROC_CATEGORY_CN;
  for (std::size_t i = 0; i < kCategoryNames.size(); ++i)
    if (std::string_view(kCategoryNames[i]) == range->category) return static_cast<int>(i);
  return UTF8PROC_CATEGORY_CN;
}

bool is_continuation(std::string_view text, std::size_t at) {
  return at < text.size() && (static_cast<unsigned char>(text[at]) & 0xC0) == 0x80;
}

struct Step {
  std::size_t bytes;
  bool valid;
};

/// The character at text[at], or the maximal part of one that cannot be completed (Unicode 16, table 3-7).
Step step(std::string_view text, std::size_t at) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[at + i]); };
  const unsigned char first = byte(0);
  if (first < 0x80) return {1, true};
  if (first < 0xC2 || first > 0xF4) return {1, false};
  const std::size_t wanted = first < 0xE0 ? 2 : first < 0xF0 ? 3 : 4;
  if (!is_continuation(text, at + 1)) return {1, false};
  const unsigned char second = byte(1);
  const bool outside = (first == 0xE0 && second < 0xA0) || (first == 0xED && second > 0x9F) ||
                       (first == 0xF0 && second < 0x90) || (first == 0xF4 && second > 0x8F);
  if (outside) return {1, false};
  std::size_t length = 2;
  while (length < wanted && is_continuation(text, at + length)) ++length;
  return {length, length == wanted};
}

}  // namespace

void append(std::string& text, char32_t code) {
  utf8proc_uint8_t bytes[4];
  const auto length = utf8proc_encode_char(static_cast<utf8proc_int32_t>(code), bytes);
  text.append(reinterpret_cast<const char*>(bytes), static_cast<std::size_t>(length));
}

std::size_t valid_prefix(std::string_view text) {
  std::size_t at = 0;
  while (at < text.size()) {
    if (static_cast<unsigned char>(text[at]) < 0x80) {
      ++at;
      continue;
    }
    const Step here = step(text, at);
    if (!here.valid) break;
    at += here.bytes;
  }
  return at;
}

std::string replace_invalid(std::string_view text) {
  std::string result;
  result.reserve(text.size());
  while (!text.empty()) {
    const std::size_t good = valid_prefix(text);
    result.append(text.substr(0, good));
    text.remove_prefix(good);
    if (text.empty()) break;
    result.append("\xEF\xBF\xBD");
    text.remove_prefix(step(text, 0).bytes);
  }
  return result;
}

int category(char32_t code) {
  const int known = utf8proc_category(static_cast<utf8proc_int32_t>(code));
  return known == UTF8PROC_CATEGORY_CN ? newer_category(code) : known;
}

bool is_letter(char32_t code) {
  const int c = category(code);
  return c >= UTF8PROC_CATEGORY_LU && c <= UTF8PROC_CATEGORY_LO;
}

bool is_mark(char32_t code) {
  const int c = category(code);
  const bool was_mark = code == 0x1CF2 || code == 0x1CF3;  // letters since Unicode 12
  return was_mark || (c >= UTF8PROC_CATEGORY_MN && c <= UTF8PROC_CATEGORY_ME && !is_later_mark(code));
}

bool is_numeric(char32_t code) {
  return is_number(code) || (code >= 0x11DE0 && code <= 0x11DE9) || (code >= 0x16FF4 && code <= 0x16FF6);
}

bool is_number(char32_t code) {
  const int c = category(code);
  return c >= UTF8PROC_CATEGORY_ND && c <= UTF8PROC_CATEGORY_NO;
}

bool is_punctuation(char32_t code) {
  if (code < 0x80)
    return (code > 0x20 && code < 0x30) || (code > 0x39 && code < 0x41) || (code > 0x5A && code < 0x61) ||
           (code > 0x7A && code < 0x7F);
  const int c = category(code);
  const bool was_punctuation = code == 0x166D || code == 0x111C9;
  return was_punctuation || (c >= UTF8PROC_CATEGORY_PC && c <= UTF8PROC_CATEGORY_PO && !is_later_punctuation(code));
}

bool is_space(char32_t code) {
  if (code < 0x80) return code == ' ' || (code >= 9 && code <= 13);
  return code == 0x85 || code == 0xA0 || code == 0x1680 || (code >= 0x2000 && code <= 0x200A) || code == 0x2028 ||
         code == 0x2029 || code == 0x202F || code == 0x205F || code == 0x3000;
}

bool is_word(char32_t code) {
  if (code == 0x200C || code == 0x200D) return true;
  if ((code >= 0x24B6 && code <= 0x24E9) || (code >= 0x1F130 && code <= 0x1F149) ||
      (code >= 0x1F150 && code <= 0x1F169) || (code >= 0x1F170 && code <= 0x1F189))
    return true;  // circled and squared letters: alphabetic symbols
  const int c = category(code);
  return (c >= UTF8PROC_CATEGORY_LU && c <= UTF8PROC_CATEGORY_NL) || c == UTF8PROC_CATEGORY_PC;
}

}  // namespace lmf::text::unicode
