#include "base/place.hpp"

#include <algorithm>

#include <fmt/format.h>

namespace lmf {

std::string line_and_column(std::string_view text, std::size_t offset, std::size_t first_line) {
  const std::string_view before = text.substr(0, offset);
  const std::string_view in_line = before.substr(before.rfind('\n') + 1);  // npos + 1 is 0
  const auto begins_character = [](char byte) { return (static_cast<unsigned char>(byte) & 0xC0) != 0x80; };
  return fmt::format("{}:{}", first_line + static_cast<std::size_t>(std::count(before.begin(), before.end(), '\n')),
                     1 + std::count_if(in_line.begin(), in_line.end(), begins_character));
}

}  // namespace lmf
