#pragma once

#include <optional>
#include <string>

namespace lmf::chat {

/// Lets the user change `text` in $VISUAL, $EDITOR or vi; nullopt when the editor ends with a failure. The file has
/// only this user's rights and is removed. Throws Error when it cannot be written, or there is no editor.
std::optional<std::string> edit_text(const std::string& text);

}  // namespace lmf::chat
