#include "train/worker/word_cut.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>

namespace lmf::train {
namespace {

bool is_letter(char32_t c) { return (c >= U'a' && c <= U'z') || (c >= U'A' && c <= U'Z'); }
bool is_digit(char32_t c) { return c >= U'0' && c <= U'9'; }
bool is_alphanumeric(char32_t c) { return is_letter(c) || is_digit(c); }
/// Beside Chinese characters, what words are made of.
bool is_latin(char32_t c) {
  return is_alphanumeric(c) || std::u32string_view(U"+#&._%-").find(c) != std::u32string_view::npos;
}

/// The words without a Chinese character in jieba's dictionary: they are found inside longer runs, too.
constexpr std::array<std::u32string_view, 5> kKnown = {U"AT&T", U"c#", U"C#", U"c++", U"C++"};

/// A number's or name's end at or after `at`, which is alphanumeric: "3.14%" is one.
std::size_t end_of_word(const std::u32string& text, std::size_t at) {
  while (at < text.size() && is_alphanumeric(text[at])) ++at;
  if (at + 1 < text.size() && text[at] == U'.' && is_digit(text[at + 1])) {
    ++at;
    while (at < text.size() && is_digit(text[at])) ++at;
  }
  return at < text.size() && text[at] == U'%' ? at + 1 : at;
}

/// A run of Latin characters that is no known word.
void cut_run(const std::u32string& run, std::vector<std::u32string>& words) {
  if (run.size() == 1) return words.push_back(run);
  for (std::size_t at = 0; at < run.size();) {
    std::size_t end = at;
    if (is_alphanumeric(run[at]))
      end = end_of_word(run, at);
    else
      while (end < run.size() && !is_alphanumeric(run[end])) ++end;
    words.push_back(run.substr(at, end - at));
    at = end;
  }
}

}  // namespace

std::u32string characters_of(std::string_view utf8) {
  std::u32string text;
  for (std::size_t at = 0; at < utf8.size();) {
    const auto lead = static_cast<unsigned char>(utf8[at]);
    const std::size_t length = lead < 0x80                   ? 1
                               : lead >= 0xF0 && lead < 0xF5 ? 4
                               : lead >= 0xE0                ? 3
                               : lead >= 0xC2                ? 2
                                                             : 0;
    char32_t value = length == 1 ? lead : lead & (0xFFu >> (length + 1));
    bool whole = length > 0 && lead < 0xF5 && at + length <= utf8.size();
    for (std::size_t i = 1; whole && i < length; ++i) {
      const auto next = static_cast<unsigned char>(utf8[at + i]);
      whole = (next & 0xC0) == 0x80;
      value = value << 6 | (next & 0x3Fu);
    }
    text += whole ? value : U'\uFFFD';
    at += whole ? length : 1;
  }
  return text;
}

bool is_space(char32_t c) {
  return (c >= 0x09 && c <= 0x0D) || (c >= 0x1C && c <= 0x20) || c == 0x85 || c == 0xA0 || c == 0x1680 ||
         (c >= 0x2000 && c <= 0x200A) || c == 0x2028 || c == 0x2029 || c == 0x202F || c == 0x205F || c == 0x3000;
}

std::vector<std::u32string> cut_words(const std::u32string& text) {
  std::vector<std::u32string> words;
  std::u32string run;
  const auto end_run = [&] {
    if (!run.empty()) cut_run(run, words);
    run.clear();
  };
  for (std::size_t at = 0; at < text.size();) {
    const auto known = std::find_if(kKnown.begin(), kKnown.end(),
                                    [&](std::u32string_view word) { return text.compare(at, word.size(), word) == 0; });
    std::size_t length = 1;
    if (known != kKnown.end()) {
      end_run();
      length = known->size();
      words.emplace_back(*known);
    } else if (is_latin(text[at])) {
      run += text[at];
    } else {
      end_run();
      if (text.compare(at, 2, U"\r\n") == 0) length = 2;
      words.push_back(text.substr(at, length));
    }
    at += length;
  }
  end_run();
  return words;
}

}  // namespace lmf::train
