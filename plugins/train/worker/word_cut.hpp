#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "train/worker/word_table.hpp"

namespace lmf::train {

/// A text's characters; what is no UTF-8 becomes U+FFFD.
std::u32string characters_of(std::string_view utf8);
/// What Python takes for white space in a text.
bool is_space(char32_t character);

bool is_chinese(char32_t character);

/// Cuts a text into words as jieba 0.42.1 does it, from which the original's ROUGE is computed: the most probable of
/// the ways to cut each run of Chinese characters, Latin letters, digits and +#&._%- into the table's words; what these
/// leave is cut by its model, and at numbers ("3.14", "50%") and signs; every other character stays on its own. With a
/// table that has no model, Chinese characters that are in none of its words come one by one.
std::vector<std::u32string> cut_words(const std::u32string& text, const WordTable& table);

}  // namespace lmf::train
