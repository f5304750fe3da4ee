#pragma once

#include <cstddef>
#include <optional>
#include <string_view>

namespace lmf {

/// TOML has characters beyond ASCII in quoted texts and in comments only. Where one is elsewhere, or where the blanks
/// after a line-ending backslash end, or in what begins as a number (as in 1"ü"), toml++ 3.3 runs into undefined
/// behaviour (its test for blanks has an "unreachable" that is reached): look here before its parser does. The offset
/// of the first such byte.
std::optional<std::size_t> character_outside_texts(std::string_view toml);

inline constexpr const char* kCharacterOutsideTexts = "a character that is not ASCII stands outside of quotes";

}  // namespace lmf
