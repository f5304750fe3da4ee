#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace lmf::text {

/// A stretch of text on its way through the pre-tokenizers, cut into pieces. Steps cut pieces further or write a new
/// text; buffers are kept for the next stretch.
class Pieces {
 public:
  struct Piece {
    std::size_t begin, end;
    bool starts_text;  ///< begins where the text given to encode() begins
  };

  /// One piece, all of `text`, which must outlive this use.
  void reset(std::string_view text, bool starts_text) {
    text_ = text;
    list_.clear();
    if (!text.empty()) list_.push_back({0, text.size(), starts_text});
  }
  std::string_view text() const { return text_; }
  const std::vector<Piece>& list() const { return list_; }
  std::string_view view(const Piece& piece) const { return text_.substr(piece.begin, piece.end - piece.begin); }

  /// Cuts every piece: `cut(view, add)` calls add(begin, end) with places relative to the piece; empty ones are
  /// dropped.
  template <class Cut>
  void split(Cut&& cut) {
    next_.clear();
    for (const Piece& piece : list_) {
      cut(view(piece), [&](std::size_t begin, std::size_t end) {
        if (begin < end) next_.push_back({piece.begin + begin, piece.begin + end, piece.starts_text && begin == 0});
      });
    }
    list_.swap(next_);
  }

  /// Rewrites every piece: `write(view, starts_text, text)` appends the new form to `text`.
  template <class Write>
  void rewrite(Write&& write) {
    other_.clear();
    for (Piece& piece : list_) {
      const std::size_t begin = other_.size();
      write(view(piece), piece.starts_text, other_);
      piece = {begin, other_.size(), piece.starts_text};
    }
    own_.swap(other_);
    text_ = own_;
  }

 private:
  std::string_view text_;
  std::string own_, other_;
  std::vector<Piece> list_, next_;
};

}  // namespace lmf::text
