#pragma once

#include <string_view>

namespace lmf::chat {

/// What a line is: one of the two words of the original, blank, or a message.
enum class Word { message, nothing, clear, exit };
Word word_in(std::string_view line);

}  // namespace lmf::chat
