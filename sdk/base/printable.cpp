#include "base/printable.hpp"

namespace lmf {

namespace {

std::string visible(std::string_view text, bool in_lines) {
  std::string shown;
  shown.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto byte = static_cast<unsigned char>(text[i]);
    const auto next = i + 1 < text.size() ? static_cast<unsigned char>(text[i + 1]) : 0;
    const bool layout = in_lines && (byte == '\n' || byte == '\t');
    if ((byte < 0x20 && !layout) || byte == 0x7f) {
      // U+2400..U+2421: the pictures of the C0 controls, and of delete.
      shown += {'\xe2', '\x90', static_cast<char>(byte == 0x7f ? 0xa1 : 0x80 + byte)};
    } else if (byte == 0xc2 && next >= 0x80 && next < 0xa0) {
      shown += "\xef\xbf\xbd";  // U+FFFD for the C1 controls U+0080..U+009F: some terminals obey them
      ++i;
    } else {
      shown += text[i];
    }
  }
  return shown;
}

}  // namespace

std::string printable(std::string_view text) { return visible(text, true); }

std::string printable_line(std::string_view text) { return visible(text, false); }

bool has_control_characters(std::string_view text) {
  const auto byte = [&](std::size_t at) { return at < text.size() ? static_cast<unsigned char>(text[at]) : 0; };
  const auto in = [](unsigned value, unsigned first, unsigned last) { return value >= first && value <= last; };
  for (std::size_t i = 0; i < text.size(); ++i) {
    const unsigned first = byte(i);
    if (first < 0x20 || first == 0x7f) return true;
    if (first == 0xc2 && in(byte(i + 1), 0x80, 0x9f)) return true;
    if (first != 0xe2) continue;
    if (byte(i + 1) == 0x80 && in(byte(i + 2), 0xaa, 0xae)) return true;
    if (byte(i + 1) == 0x81 && in(byte(i + 2), 0xa6, 0xa9)) return true;
  }
  return false;
}

std::string shortened(std::string_view word, std::size_t most) {
  if (word.size() <= most) return visible(word, false);
  while (most > 0 && (static_cast<unsigned char>(word[most]) & 0xc0) == 0x80) --most;
  return visible(word.substr(0, most), false) + "...";
}

}  // namespace lmf
