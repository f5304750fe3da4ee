#include "base/printable.hpp"

#include <cstdint>

#include <fmt/format.h>

namespace lmf {

namespace {

/// Of what a terminal obeys: how many bytes of UTF-8, and which character.
struct Control {
  std::size_t bytes = 0;  ///< 0: another character begins here
  char32_t character = 0;
};

Control control_at(std::string_view text, std::size_t i) {
  const auto byte = [&](std::size_t at) { return at < text.size() ? static_cast<unsigned char>(text[at]) : 0u; };
  const unsigned first = byte(i), second = byte(i + 1), third = byte(i + 2);
  if (first < 0x20 || first == 0x7f) return {1, first};
  if (first == 0xc2 && second >= 0x80 && second < 0xa0) return {2, second};
  if (first == 0xd8 && second == 0x9c) return {2, U'\u061C'};
  if (first != 0xe2 || (second != 0x80 && second != 0x81) || third < 0x80 || third > 0xbf) return {};
  const char32_t character = 0x2000 | (second & 1u) << 6 | (third & 0x3f);
  const bool turns = (character >= 0x200e && character <= 0x200f) || (character >= 0x202a && character <= 0x202e) ||
                     (character >= 0x2066 && character <= 0x2069);
  return turns ? Control{3, character} : Control{};
}

std::string visible(std::string_view text, bool in_lines) {
  std::string shown;
  shown.reserve(text.size());
  for (std::size_t i = 0; i < text.size();) {
    const Control control = control_at(text, i);
    const bool layout = in_lines && (text[i] == '\n' || text[i] == '\t');
    if (control.bytes == 0 || layout) {
      shown += text[i++];
      continue;
    }
    if (control.bytes == 1)  // U+2400..U+2421: the pictures of the C0 controls, and of delete
      shown += {'\xe2', '\x90', static_cast<char>(control.character == 0x7f ? 0xa1 : 0x80 + control.character)};
    else
      shown += "\xef\xbf\xbd";  // U+FFFD: the others have no pictures
    i += control.bytes;
  }
  return shown;
}

}  // namespace

std::string printable(std::string_view text) { return visible(text, true); }

std::string printable_line(std::string_view text) { return visible(text, false); }

std::string printable_json(std::string_view json) {
  std::string shown;
  shown.reserve(json.size());
  for (std::size_t i = 0; i < json.size();) {
    const Control control = control_at(json, i);
    if (control.character < 0x7f) {  // none, or the white space between values
      shown += json[i++];
      continue;
    }
    shown += fmt::format("\\u{:04x}", static_cast<std::uint32_t>(control.character));
    i += control.bytes;
  }
  return shown;
}

bool has_control_characters(std::string_view text) {
  for (std::size_t i = 0; i < text.size(); ++i)
    if (control_at(text, i).bytes > 0) return true;
  return false;
}

std::string shortened(std::string_view word, std::size_t most) {
  if (word.size() <= most) return visible(word, false);
  while (most > 0 && (static_cast<unsigned char>(word[most]) & 0xc0) == 0x80) --most;
  return visible(word.substr(0, most), false) + "...";
}

}  // namespace lmf
