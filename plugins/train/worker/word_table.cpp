#include "train/worker/word_table.hpp"

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <functional>

#include <fmt/format.h>

#include "base/files.hpp"
#include "base/split.hpp"
#include "lmf/error.hpp"
#include "train/worker/word_cut.hpp"

namespace lmf::train {
namespace {

namespace fs = std::filesystem;

constexpr std::uint64_t kMostBytes = std::uint64_t{64} << 20;
constexpr std::string_view kPlaceLetters = "BEMS";

[[noreturn]] void unlike_jieba(const fs::path& file, const std::string& what) {
  throw Error(fmt::format("{} is not as jieba 0.42.1 has it: {}", file.string(), what),
              "install python3-jieba, or name the folder of another jieba (LMF_JIEBA)");
}

double number_of(std::string_view text, const fs::path& file) {
  double number = 0;
  const auto read = std::from_chars(text.data(), text.data() + text.size(), number);
  if (read.ec != std::errc() || read.ptr != text.data() + text.size())
    unlike_jieba(file, fmt::format("'{}' is no number", text.substr(0, 40)));
  return number;
}

/// The 'key': number pairs of Python's {'outer': {'key': number, ...}, ...}, or of {'key': number, ...} with 0 as
/// outer key. A key is one character, as itself or as \uXXXX.
void read_numbers(const fs::path& file, const std::function<void(char32_t outer, char32_t key, double number)>& found) {
  const std::string text = read_file(file, kMostBytes);
  const auto character = [&](std::string_view quoted) {
    if (quoted.starts_with("\\u")) {
      std::uint32_t code = 0;
      const auto read = std::from_chars(quoted.data() + 2, quoted.data() + quoted.size(), code, 16);
      if (read.ec == std::errc() && quoted.size() == 6) return static_cast<char32_t>(code);
    }
    const auto characters = characters_of(quoted);
    if (characters.size() != 1) unlike_jieba(file, fmt::format("'{}' is no character", quoted.substr(0, 40)));
    return characters.front();
  };
  char32_t outer = 0;
  for (std::size_t at = text.find('{'); (at = text.find('\'', at)) != std::string::npos;) {
    const std::size_t close = text.find('\'', at + 1);
    const std::size_t value = close == std::string::npos ? close : text.find_first_not_of(": \t\r\n", close + 1);
    if (value == std::string::npos) unlike_jieba(file, "it ends within an entry");
    const char32_t key = character(std::string_view(text).substr(at + 1, close - at - 1));
    at = value;
    if (text[value] == '{') {
      outer = key;
      continue;
    }
    at = std::min(text.find_first_of(",} \t\r\n", value), text.size());
    found(outer, key, number_of(std::string_view(text).substr(value, at - value), file));
  }
}

}  // namespace

WordTable::WordTable() {
  for (const char32_t* word : {U"AT&T", U"c#", U"C#", U"c++", U"C++"}) add(word, 3);
  settle();
}

WordTable::WordTable(const fs::path& folder) {
  read_words(folder / "dict.txt");
  const auto place = [](char32_t letter, const fs::path& file) {
    const auto found = kPlaceLetters.find(static_cast<char>(letter));
    if (letter > 'Z' || found == std::string_view::npos) unlike_jieba(file, "a place is none of B, E, M and S");
    return found;
  };
  const fs::path model = folder / "finalseg", start = model / "prob_start.py", next = model / "prob_trans.py",
                 emission = model / "prob_emit.py";
  at_start_.fill(kNever);
  for (OfPlaces& row : after_) row.fill(kNever);
  read_numbers(start, [&](char32_t, char32_t key, double number) { at_start_[place(key, start)] = number; });
  read_numbers(next, [&](char32_t before, char32_t key, double number) {
    after_[place(before, next)][place(key, next)] = number;
  });
  OfPlaces never;
  never.fill(kNever);
  read_numbers(emission, [&](char32_t outer, char32_t key, double number) {
    of_character_.try_emplace(key, never).first->second[place(outer, emission)] = number;
  });
  if (of_character_.empty()) unlike_jieba(emission, "it has no entries");
}

void WordTable::read_words(const fs::path& file) {
  const std::string text = read_file(file, kMostBytes);
  for (std::size_t begin = 0, line = 1; begin < text.size(); ++line) {
    const std::size_t end = std::min(text.find('\n', begin), text.size());
    const auto parts = split(std::string_view(text).substr(begin, end - begin), ' ');
    begin = end + 1;
    if (parts.size() < 2) unlike_jieba(file, fmt::format("line {} has no word and frequency", line));
    add(characters_of(parts[0]), number_of(parts[1], file));
  }
  settle();
}

/// A word that comes again has its last frequency, while the sum has all of them.
void WordTable::settle() {
  for (const auto& word : words_) all_frequencies_ += word.second;
  std::stable_sort(words_.begin(), words_.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
  const auto same = [](const auto& a, const auto& b) { return a.first == b.first; };
  const auto kept = std::unique(words_.rbegin(), words_.rend(), same);
  words_.erase(words_.begin(), kept.base());
}

std::vector<WordTable::Word> WordTable::words_at(std::u32string_view text) const {
  std::vector<Word> found;
  auto first = words_.begin(), last = words_.end();
  for (std::size_t length = 1; length <= text.size() && first != last; ++length) {
    const char32_t next = text[length - 1];
    // All from first to last have the characters before this one in common.
    const auto at = [length](const auto& word) { return word.first.size() < length ? 0 : word.first[length - 1]; };
    first = std::partition_point(first, last, [&](const auto& word) { return at(word) < next; });
    last = std::partition_point(first, last, [&](const auto& word) { return at(word) <= next; });
    if (first != last && first->first.size() == length && first->second > 0) found.push_back({length, first->second});
  }
  return found;
}

WordTable::OfPlaces WordTable::of_character(char32_t character) const {
  const auto found = of_character_.find(character);
  if (found != of_character_.end()) return found->second;
  OfPlaces never;
  never.fill(kNever);
  return never;
}

}  // namespace lmf::train
