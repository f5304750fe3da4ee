#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace lmf {

/// "LINE:COLUMN" of a byte of `text`, for messages: both from 1, columns count characters of UTF-8. `first_line`: of a
/// text that does not begin its file.
std::string line_and_column(std::string_view text, std::size_t offset, std::size_t first_line = 1);

}  // namespace lmf
