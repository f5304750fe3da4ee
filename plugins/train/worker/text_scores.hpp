#pragma once

#include <string>
#include <vector>

#include "train/worker/word_table.hpp"

namespace lmf::train {

/// How much a predicted text has in common with the expected one, in percent.
struct TextScores {
  /// As the original computes them, rounded to four digits. BLEU-4: of characters, Papineni et al. 2002 with the
  /// smoothing of NIST's mteval (Chen and Cherry 2014, method 3). ROUGE F1 (Lin 2004) of cut_words(): 1 and 2 of the
  /// sets of n-grams, L of the longest common subsequence.
  double bleu_4 = 0.0, rouge_1 = 0.0, rouge_2 = 0.0, rouge_l = 0.0;
  double exact_match = 0.0;  ///< 100 when they are equal but for white space around them
  double f1 = 0.0;           ///< of the words that both have, each as often as it is in both
};

/// The mean of each score. To its last digit the original's: numpy's mean, which adds up pairwise.
TextScores mean_of(const std::vector<TextScores>& scores);

/// Compares texts. Chinese characters make words as jieba, the original's tool, cuts them: its dictionary is read from
/// the folder that LMF_JIEBA names (throws Error when it is none) or else, with the first text that needs it, from
/// where Debian's python3-jieba has it. Without one it warns, once, and each character is a word.
class TextScorer {
 public:
  TextScorer();
  TextScores score(const std::string& predicted, const std::string& expected);

 private:
  const WordTable& words_for(const std::u32string& a, const std::u32string& b);

  WordTable words_;
  bool looked_for_dictionary_ = false;
};

}  // namespace lmf::train
