#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace lmf {

/// `text` (whole characters of UTF-8) with every character that a terminal would obey made visible, but newline and
/// tab: what a model, a file or an argument says must not move the cursor, change the title, answer a terminal's query,
/// or turn the direction of writing and so look like another text.
std::string printable(std::string_view text);

/// The same for what shall stay on one line, as a path: names of files can have newlines, and what follows one could
/// pass for another line of the answer.
std::string printable_line(std::string_view text);

/// The same JSON, in which strings have these characters escaped. JSON itself asks that of U+0000 to U+001F alone.
std::string printable_json(std::string_view json);

/// Whether a terminal would obey a part of `text`: control characters (U+0000 to U+001F, U+007F to U+009F), and those
/// that turn the direction of writing (U+061C, U+200E, U+200F, U+202A to U+202E, U+2066 to U+2069).
bool has_control_characters(std::string_view text);

/// At most `most` bytes of a word for a message, on one line, whole characters, with "..." where it goes on.
std::string shortened(std::string_view word, std::size_t most = 100);

}  // namespace lmf
