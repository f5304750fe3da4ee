#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace lmf::train {

/// A text's characters; what is no UTF-8 becomes U+FFFD.
std::u32string characters_of(std::string_view utf8);
/// What Python takes for white space in a text.
bool is_space(char32_t character);

/// Cuts a text into words as jieba 0.42.1 does it, from which the original's ROUGE is computed: runs of Latin letters
/// and digits (with "3.14" and "50%"), runs of the signs +#&._- between them, every other character on its own. Equal
/// to jieba for texts without Chinese characters. These come one by one, as lmf has no dictionary of Chinese words:
/// between jieba's words there, and so in ROUGE, it differs.
std::vector<std::u32string> cut_words(const std::u32string& text);

}  // namespace lmf::train
