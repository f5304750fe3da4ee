#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace lmf {

/// `text` (whole characters of UTF-8) with every control character but newline and tab made visible: what a model, a
/// file or an argument says must not move the cursor, change the title or answer a terminal's query.
std::string printable(std::string_view text);

/// At most `most` bytes of a word for a message, whole characters, with "..." where it goes on.
std::string shortened(std::string_view word, std::size_t most = 100);

}  // namespace lmf
