#pragma once

#include <string>
#include <string_view>

namespace lmf {

/// `text` as a shell takes it for one word, quoted where it must be: for commands that a message tells the user to run.
std::string shell_word(std::string_view text);

}  // namespace lmf
