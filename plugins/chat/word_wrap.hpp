#pragma once

#include <functional>
#include <string>
#include <string_view>

namespace lmf::chat {

/// Breaks text that comes in pieces between words where a line of the terminal ends, by the width that characters have
/// on it. A word is held back until it has ended.
class WordWrap {
 public:
  /// `width`: columns of a line, asked anew for each word because a window may change; 0: nothing is broken.
  explicit WordWrap(std::function<int()> width) : width_(std::move(width)) {}

  /// What can be shown of the text so far. `text`: whole characters, without control characters but newline and tab.
  std::string push(std::string_view text);
  /// What was held back. A new text begins at `column`.
  std::string finish(int column = 0);

 private:
  void end_word(std::string& out);

  std::function<int()> width_;
  std::string blanks_, word_;  // before the word that is held back, and it
  int word_width_ = 0, column_ = 0;
  bool too_long_ = false;  // the word goes on from a line that it filled
};

}  // namespace lmf::chat
