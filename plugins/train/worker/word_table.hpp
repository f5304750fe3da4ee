#pragma once

#include <array>
#include <cstddef>
#include <filesystem>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

namespace lmf::train {

/// What jieba 0.42.1 cuts texts by: a dictionary of words with their frequencies and, for Chinese characters of which
/// it has no word, a hidden Markov model of the places that characters have in their words.
class WordTable {
 public:
  /// The dictionary's words that have no Chinese character, and no model.
  WordTable();
  /// Of a folder as jieba installs it: dict.txt ("word frequency tag"), finalseg/prob_start.py, prob_trans.py and
  /// prob_emit.py (Python's dictionaries of logarithms). Throws Error that names the file.
  explicit WordTable(const std::filesystem::path& folder);

  struct Word {
    std::size_t length;
    double frequency;
  };
  /// The words that the text begins with, the shortest first.
  std::vector<Word> words_at(std::u32string_view text) const;
  double all_frequencies() const { return all_frequencies_; }

  /// Begin, end, middle of a word, or a word of its own: in the order of jieba's letters, B E M S.
  enum Place { begin, end, middle, single };
  static constexpr int kPlaces = 4;
  static constexpr double kNever = -3.14e100;
  using OfPlaces = std::array<double, kPlaces>;
  bool has_model() const { return !of_character_.empty(); }
  double at_start(int place) const { return at_start_[static_cast<std::size_t>(place)]; }
  double after(int before, int place) const {
    return after_[static_cast<std::size_t>(before)][static_cast<std::size_t>(place)];
  }
  OfPlaces of_character(char32_t character) const;

 private:
  void read_words(const std::filesystem::path& file);
  void add(std::u32string word, double frequency) { words_.emplace_back(std::move(word), frequency); }
  void settle();

  std::vector<std::pair<std::u32string, double>> words_;  ///< sorted, each once
  double all_frequencies_ = 0;
  OfPlaces at_start_{};
  std::array<OfPlaces, kPlaces> after_{};
  std::unordered_map<char32_t, OfPlaces> of_character_;
};

}  // namespace lmf::train
