#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace lmf::host {

/// Columns of the terminal on standard output; 80 when it is none; never below 40 or above 110, where lines read badly.
std::size_t text_width();

/// Rows of a word and its explanation, explanations aligned and wrapped at `width` columns; each row is indented by 2.
/// A word wider than the column stands on a line of its own.
std::string two_columns(const std::vector<std::pair<std::string, std::string>>& rows, std::size_t width);

/// Characters of UTF-8 text (a terminal column each, but for East Asian and combining ones).
std::size_t characters(std::string_view text);

}  // namespace lmf::host
