#include "train/worker/word_cut.hpp"

#include <array>
#include <cmath>
#include <cstddef>
#include <limits>
#include <utility>

namespace lmf::train {
namespace {

bool is_letter(char32_t c) { return (c >= U'a' && c <= U'z') || (c >= U'A' && c <= U'Z'); }
bool is_digit(char32_t c) { return c >= U'0' && c <= U'9'; }
bool is_alphanumeric(char32_t c) { return is_letter(c) || is_digit(c); }
/// Beside Chinese characters, what words are made of.
bool is_latin(char32_t c) {
  return is_alphanumeric(c) || std::u32string_view(U"+#&._%-").find(c) != std::u32string_view::npos;
}

/// A number's or name's end at or after `at`, which is alphanumeric: "3.14%" is one.
std::size_t end_of_word(const std::u32string& text, std::size_t at) {
  while (at < text.size() && is_alphanumeric(text[at])) ++at;
  if (at + 1 < text.size() && text[at] == U'.' && is_digit(text[at + 1])) {
    ++at;
    while (at < text.size() && is_digit(text[at])) ++at;
  }
  return at < text.size() && text[at] == U'%' ? at + 1 : at;
}

using Words = std::vector<std::u32string>;

/// A run without a Chinese character.
void cut_latin(const std::u32string& run, Words& words) {
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

/// The most probable places of the characters in their words (Viterbi 1967).
std::vector<int> likely_places(const std::u32string& run, const WordTable& table) {
  using Table = WordTable;
  constexpr int kBefore[Table::kPlaces][2] = {{Table::end, Table::single},
                                              {Table::begin, Table::middle},
                                              {Table::begin, Table::middle},
                                              {Table::end, Table::single}};
  std::vector<std::array<int, Table::kPlaces>> before(run.size());
  Table::OfPlaces best{};
  for (std::size_t i = 0; i < run.size(); ++i) {
    const Table::OfPlaces character = table.of_character(run[i]);
    Table::OfPlaces next{};
    for (int place = 0; place < Table::kPlaces; ++place) {
      const auto p = static_cast<std::size_t>(place);
      if (i == 0) {
        next[p] = table.at_start(place) + character[p];
        continue;
      }
      next[p] = -std::numeric_limits<double>::infinity();
      for (const int previous : kBefore[place]) {  // of two alike the later one, as jieba compares
        const double value = best[static_cast<std::size_t>(previous)] + table.after(previous, place) + character[p];
        if (value < next[p]) continue;
        next[p] = value;
        before[i][p] = previous;
      }
    }
    best = next;
  }
  std::vector<int> places(run.size());
  int place = best[Table::single] >= best[Table::end] ? Table::single : Table::end;
  for (std::size_t i = run.size(); i-- > 0;) {
    places[i] = place;
    place = before[i][static_cast<std::size_t>(place)];
  }
  return places;
}

/// A run of Chinese characters of which the dictionary has no word.
void cut_chinese(const std::u32string& run, const WordTable& table, Words& words) {
  if (!table.has_model()) {
    for (const char32_t c : run) words.emplace_back(1, c);
    return;
  }
  const std::vector<int> places = likely_places(run, table);
  std::size_t begin = 0;
  for (std::size_t i = 0; i < run.size(); ++i) {
    if (places[i] != WordTable::end && places[i] != WordTable::single) continue;
    words.push_back(run.substr(begin, i + 1 - begin));
    begin = i + 1;
  }
  if (begin < run.size()) words.push_back(run.substr(begin));
}

/// Characters that no word of the dictionary covers.
void cut_rest(const std::u32string& rest, const WordTable& table, Words& words) {
  const auto known = table.words_at(rest);
  if (!known.empty() && known.back().length == rest.size()) {
    for (const char32_t c : rest) words.emplace_back(1, c);
    return;
  }
  for (std::size_t at = 0; at < rest.size();) {
    const bool chinese = is_chinese(rest[at]);
    std::size_t end = at;
    while (end < rest.size() && is_chinese(rest[end]) == chinese) ++end;
    const std::u32string run = rest.substr(at, end - at);
    chinese ? cut_chinese(run, table, words) : cut_latin(run, words);
    at = end;
  }
}

/// Where the first word ends, from each character on, in the most probable way to cut the rest of the run.
std::vector<std::size_t> likely_ends(std::u32string_view run, const WordTable& table) {
  const double all = std::log(table.all_frequencies());
  std::vector<double> best(run.size() + 1, 0.0);
  std::vector<std::size_t> ends(run.size());
  for (std::size_t i = run.size(); i-- > 0;) {
    auto words = table.words_at(run.substr(i));
    if (words.empty()) words.push_back({1, 1.0});
    best[i] = -std::numeric_limits<double>::infinity();
    for (const WordTable::Word& word : words) {  // of two alike the longer one, as jieba compares
      const double value = std::log(word.frequency) - all + best[i + word.length];
      if (value < best[i]) continue;
      best[i] = value;
      ends[i] = i + word.length;
    }
  }
  return ends;
}

void cut_run(const std::u32string& run, const WordTable& table, Words& words) {
  const std::vector<std::size_t> ends = likely_ends(run, table);
  std::u32string rest;
  for (std::size_t at = 0; at < run.size(); at = ends[at]) {
    if (ends[at] == at + 1) {
      rest += run[at];
      continue;
    }
    cut_rest(std::exchange(rest, {}), table, words);
    words.push_back(run.substr(at, ends[at] - at));
  }
  cut_rest(rest, table, words);
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

bool is_chinese(char32_t c) { return c >= 0x4E00 && c <= 0x9FD5; }

Words cut_words(const std::u32string& text, const WordTable& table) {
  Words words;
  for (std::size_t at = 0; at < text.size();) {
    std::size_t end = at;
    while (end < text.size() && (is_chinese(text[end]) || is_latin(text[end]))) ++end;
    if (end > at) {
      cut_run(text.substr(at, end - at), table, words);
    } else {
      end += text.compare(at, 2, U"\r\n") == 0 ? 2 : 1;
      words.push_back(text.substr(at, end - at));
    }
    at = end;
  }
  return words;
}

}  // namespace lmf::train
