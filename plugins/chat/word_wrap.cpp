#include "word_wrap.hpp"

#include <algorithm>
#include <utility>

#include <utf8proc.h>

namespace lmf::chat {

std::string WordWrap::push(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    utf8proc_int32_t character = 0;
    const auto length = utf8proc_iterate(reinterpret_cast<const utf8proc_uint8_t*>(text.data()),
                                         static_cast<utf8proc_ssize_t>(text.size()), &character);
    const std::string_view bytes = text.substr(0, length > 0 ? static_cast<std::size_t>(length) : 1);
    text.remove_prefix(bytes.size());
    const int width = length > 0 ? std::max(utf8proc_charwidth(character), 0) : 1;
    if (character == '\n') {
      end_word(out);
      out += std::exchange(blanks_, {}) + '\n';
      column_ = 0;
    } else if (character == ' ' || character == '\t') {
      end_word(out);
      blanks_ += bytes;
      column_ += character == '\t' ? 8 - column_ % 8 : 1;
    } else if (width == 2) {  // a line may end between any two of the wide scripts' characters
      end_word(out);
      word_ = bytes;
      word_width_ = 2;
    } else {
      word_ += bytes;
      word_width_ += width;
      if (const int line = width_(); line > 0 && word_width_ >= line) {  // the terminal has to break it
        end_word(out);
        too_long_ = true;
      }
    }
  }
  return out;
}

std::string WordWrap::finish(int column) {
  std::string out;
  end_word(out);
  out += std::exchange(blanks_, {});
  column_ = column;
  return out;
}

void WordWrap::end_word(std::string& out) {
  if (word_.empty()) {
    too_long_ = false;
    return;
  }
  const int line = width_();
  if (line > 0 && column_ > 0 && column_ + word_width_ > line && !too_long_) {
    out += '\n';
    column_ = 0;
    blanks_.clear();
  }
  out += std::exchange(blanks_, {}) + std::exchange(word_, {});
  column_ += std::exchange(word_width_, 0);
  if (line > 0 && column_ > line) column_ %= line;
  too_long_ = false;
}

}  // namespace lmf::chat
