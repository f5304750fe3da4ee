#include "train/worker/text_scores.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdlib>
#include <functional>
#include <map>
#include <set>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "base/log.hpp"
#include "lmf/error.hpp"
#include "train/worker/word_cut.hpp"

namespace lmf::train {
namespace {

using Words = std::vector<std::u32string>;

/// As Python's round(value, 4): the decimal number next to the exact binary one.
double rounded(double value) { return std::strtod(fmt::format("{:.4f}", value).c_str(), nullptr); }

// ---- BLEU

std::map<std::u32string_view, int> grams(const std::u32string& text, std::size_t n) {
  std::map<std::u32string_view, int> counts;
  for (std::size_t i = 0; i + n <= text.size(); ++i) ++counts[std::u32string_view(text).substr(i, n)];
  return counts;
}

double bleu(const std::u32string& predicted, const std::u32string& expected) {
  double logarithms = 0.0, halves = 1.0;
  for (std::size_t n = 1; n <= 4; ++n) {
    const auto ours = grams(predicted, n), theirs = grams(expected, n);
    int matches = 0, all = 0;
    for (const auto& [gram, count] : ours) {
      const auto other = theirs.find(gram);
      matches += other == theirs.end() ? 0 : std::min(count, other->second);
      all += count;
    }
    if (n == 1 && matches == 0) return 0.0;
    const double total = std::max(all, 1);
    if (matches == 0) halves /= 2.0;
    logarithms += 0.25 * std::log(matches == 0 ? halves / total : matches / total);
  }
  const auto ours = static_cast<double>(predicted.size()), theirs = static_cast<double>(expected.size());
  const double brevity = ours > theirs ? 1.0 : std::exp(1.0 - theirs / ours);
  return brevity * std::exp(logarithms);
}

// ---- ROUGE

/// A line break after what ends a sentence, unless the text ends there. The character after it is passed over: it is
/// part of what the original replaces.
std::u32string with_breaks(const std::u32string& text, const std::function<std::size_t(std::size_t)>& end_at) {
  std::u32string result;
  for (std::size_t i = 0; i < text.size();) {
    const std::size_t length = end_at(i);
    const std::size_t next = i + length;
    if (length == 0 || next >= text.size() || text[next] == U'\u201D' || text[next] == U'\u2019') {
      result += text[i++];
      continue;
    }
    result.append(text, i, length);
    result += U'\n';
    result += text[next];
    i = next + 1;
  }
  return result;
}

/// The words between which rouge_chinese compares: what jieba cut, joined by blanks, is cut again into sentences and at
/// white space. A sentence of white space alone counts as an empty word.
Words compared_words(const Words& cut) {
  std::u32string text;
  for (const auto& word : cut) text += (text.empty() ? U"" : U" ") + word;
  text = with_breaks(text, [&text](std::size_t i) -> std::size_t {
    return std::u32string_view(U"。！？?").find(text[i]) != std::u32string_view::npos ? 1 : 0;
  });
  text =
      with_breaks(text, [&text](std::size_t i) -> std::size_t { return text.compare(i, 6, U"......") == 0 ? 6 : 0; });
  while (!text.empty() && is_space(text.back())) text.pop_back();
  Words words;
  for (std::size_t begin = 0; begin <= text.size();) {
    const std::size_t end = std::min(text.find(U'\n', begin), text.size());
    const std::size_t before = words.size();
    std::u32string word;
    for (std::size_t i = begin; i < end; ++i) {
      if (!is_space(text[i])) word += text[i];
      if ((is_space(text[i]) || i + 1 == end) && !word.empty()) words.push_back(std::exchange(word, {}));
    }
    if (end > begin && words.size() == before) words.emplace_back();
    begin = end + 1;
  }
  return words;
}

double f_measure(double overlap, double ours, double theirs) {
  const double precision = ours == 0.0 ? 0.0 : overlap / ours, recall = theirs == 0.0 ? 0.0 : overlap / theirs;
  return 2.0 * ((precision * recall) / (precision + recall + 1e-8));
}

double rouge_n(const Words& predicted, const Words& expected, std::size_t n) {
  const auto sets = [n](const Words& words) {
    std::set<Words> grams;
    for (std::size_t i = 0; i + n <= words.size(); ++i)
      grams.emplace(words.begin() + static_cast<std::ptrdiff_t>(i), words.begin() + static_cast<std::ptrdiff_t>(i + n));
    return grams;
  };
  const auto ours = sets(predicted), theirs = sets(expected);
  const auto both = std::count_if(ours.begin(), ours.end(), [&](const Words& gram) { return theirs.contains(gram); });
  return f_measure(static_cast<double>(both), static_cast<double>(ours.size()), static_cast<double>(theirs.size()));
}

double rouge_l(const Words& predicted, const Words& expected) {
  std::vector<std::size_t> row(predicted.size() + 1, 0);  // of the table of common lengths
  for (const auto& word : expected) {
    std::size_t diagonal = 0;
    for (std::size_t j = 0; j < predicted.size(); ++j) {
      const std::size_t above = row[j + 1];
      row[j + 1] = word == predicted[j] ? diagonal + 1 : std::max(above, row[j]);
      diagonal = above;
    }
  }
  return f_measure(static_cast<double>(row.back()), static_cast<double>(predicted.size()),
                   static_cast<double>(expected.size()));
}

// ---- exact match and F1

std::u32string trimmed(std::u32string text) {
  while (!text.empty() && is_space(text.back())) text.pop_back();
  text.erase(text.begin(), std::find_if_not(text.begin(), text.end(), is_space));
  return text;
}

Words without_space(Words words) {
  std::erase_if(words, [](const std::u32string& word) { return std::all_of(word.begin(), word.end(), is_space); });
  return words;
}

/// Harmonic mean of precision and recall over words, 1 where there are none on either side.
double word_f1(const Words& predicted, const Words& expected) {
  if (predicted.empty() || expected.empty()) return predicted.empty() == expected.empty() ? 1.0 : 0.0;
  std::multiset<std::u32string> left(expected.begin(), expected.end());
  double common = 0.0;
  for (const auto& word : predicted) {
    const auto found = left.find(word);
    if (found == left.end()) continue;
    left.erase(found);
    common += 1.0;
  }
  return 2.0 * common / static_cast<double>(predicted.size() + expected.size());
}

// ---- means

/// As numpy's add.reduce over float64 (its loop DOUBLE_pairwise_sum): few numbers one after the other, up to 128 in
/// eight sums side by side, more as two halves, of which the first has a multiple of eight.
double pairwise_sum(std::span<const double> numbers) {
  constexpr std::size_t kSums = 8, kBlock = 128;
  const std::size_t count = numbers.size(), whole = count - count % kSums;
  if (count > kBlock) {
    const std::size_t half = count / 2 - count / 2 % kSums;
    return pairwise_sum(numbers.first(half)) + pairwise_sum(numbers.subspan(half));
  }
  double sum = 0.0;
  if (whole > 0) {
    std::array<double, kSums> sums{};
    for (std::size_t i = 0; i < whole; ++i) sums[i % kSums] += numbers[i];
    sum = ((sums[0] + sums[1]) + (sums[2] + sums[3])) + ((sums[4] + sums[5]) + (sums[6] + sums[7]));
  }
  for (const double number : numbers.subspan(whole)) sum += number;
  return sum;
}

}  // namespace

TextScores mean_of(const std::vector<TextScores>& scores) {
  std::vector<double> numbers(scores.size());
  const auto mean = [&](double TextScores::*score) {
    std::transform(scores.begin(), scores.end(), numbers.begin(), [&](const TextScores& one) { return one.*score; });
    return pairwise_sum(numbers) / static_cast<double>(numbers.size());
  };
  return {.bleu_4 = mean(&TextScores::bleu_4),
          .rouge_1 = mean(&TextScores::rouge_1),
          .rouge_2 = mean(&TextScores::rouge_2),
          .rouge_l = mean(&TextScores::rouge_l),
          .exact_match = mean(&TextScores::exact_match),
          .f1 = mean(&TextScores::f1)};
}

TextScorer::TextScorer() {
  const char* folder = std::getenv("LMF_JIEBA");
  if (folder == nullptr || *folder == '\0') return;
  words_ = WordTable(folder);
  looked_for_dictionary_ = true;
}

const WordTable& TextScorer::words_for(const std::u32string& a, const std::u32string& b) {
  const bool chinese = std::any_of(a.begin(), a.end(), is_chinese) || std::any_of(b.begin(), b.end(), is_chinese);
  if (!chinese || std::exchange(looked_for_dictionary_, true)) return words_;
  try {
    words_ = WordTable("/usr/lib/python3/dist-packages/jieba");
  } catch (const Error& missing) {
    log::warn(
        "ROUGE and F1 of Chinese text count characters, as the dictionary by which the original cuts words is not "
        "there: {}. Install python3-jieba, or name the folder of a jieba (LMF_JIEBA)",
        missing.what());
  }
  return words_;
}

TextScores TextScorer::score(const std::string& predicted, const std::string& expected) {
  const std::u32string ours = characters_of(predicted), theirs = characters_of(expected);
  const WordTable& table = words_for(ours, theirs);
  const Words our_words = cut_words(ours, table), their_words = cut_words(theirs, table);
  TextScores scores;
  scores.bleu_4 = rounded(100.0 * bleu(ours, theirs));
  scores.exact_match = trimmed(ours) == trimmed(theirs) ? 100.0 : 0.0;
  const Words our_plain = without_space(our_words), their_plain = without_space(their_words);
  scores.f1 = rounded(100.0 * word_f1(our_plain, their_plain));
  if (our_plain.empty() || their_plain.empty()) return scores;
  const Words a = compared_words(our_words), b = compared_words(their_words);
  scores.rouge_1 = rounded(100.0 * rouge_n(a, b, 1));
  scores.rouge_2 = rounded(100.0 * rouge_n(a, b, 2));
  scores.rouge_l = rounded(100.0 * rouge_l(a, b));
  return scores;
}

}  // namespace lmf::train
