#include "host/text_layout.hpp"

#include <algorithm>

#include <sys/ioctl.h>
#include <unistd.h>

namespace lmf::host {
namespace {

constexpr std::size_t kWidestWord = 30;

/// `text` in lines of at most `width` characters, broken at blanks; lines after the first are indented.
std::string wrapped(std::string_view text, std::size_t width, std::size_t indent) {
  std::string result;
  std::size_t column = 0;
  for (std::size_t begin = 0; begin < text.size();) {
    const std::size_t end = std::min(text.find(' ', begin), text.size());
    const std::string_view part = text.substr(begin, end - begin);
    begin = end + 1;
    if (part.empty()) continue;
    if (column > 0 && column + 1 + characters(part) > width) {
      result += "\n" + std::string(indent, ' ');
      column = 0;
    }
    if (column > 0) result += ' ';
    column += (column > 0 ? 1 : 0) + characters(part);
    result += part;
  }
  return result;
}

}  // namespace

std::size_t characters(std::string_view text) {
  return static_cast<std::size_t>(std::count_if(text.begin(), text.end(), [](char c) { return (c & 0xc0) != 0x80; }));
}

std::size_t text_width() {
  winsize size{};
  if (::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col == 0) return 80;
  return std::clamp<std::size_t>(size.ws_col, 40, 110);
}

std::string two_columns(const std::vector<std::pair<std::string, std::string>>& rows, std::size_t width) {
  std::size_t widest = 0;
  for (const auto& [word, text] : rows)
    if (characters(word) <= kWidestWord) widest = std::max(widest, characters(word));
  widest = std::min(widest, width / 2);
  const std::size_t indent = 2 + widest + 2;
  std::string result;
  for (const auto& [word, text] : rows) {
    result += "  " + word;
    if (text.empty()) {
      result += '\n';
      continue;
    }
    const std::size_t used = characters(word);
    result += used > widest ? "\n" + std::string(indent, ' ') : std::string(widest - used + 2, ' ');
    result += wrapped(text, width > indent + 20 ? width - indent : 20, indent) + '\n';
  }
  return result;
}

}  // namespace lmf::host
