#include "host/text_layout.hpp"

#include <algorithm>
#include <charconv>

#include <sys/ioctl.h>
#include <unistd.h>

#include "base/printable.hpp"
#include "host/environment.hpp"

namespace lmf::host {
namespace {

constexpr std::size_t kWidestWord = 30;
constexpr std::size_t kLeastText = 30;  ///< a narrower column of explanations reads badly: they go below their words

std::size_t widest_word(const Rows& rows) {
  std::size_t widest = 0;
  for (const auto& [word, text] : rows)
    if (characters(word) <= kWidestWord) widest = std::max(widest, characters(word));
  return widest;
}

/// How many bytes of a word are put on one line: all, or of a wider one up to a mark after which it can be read on.
std::size_t fitting(std::string_view word, std::size_t width) {
  if (characters(word) <= width) return word.size();
  return std::min(word.substr(0, width).find_last_of("=|,"), word.size() - 1) + 1;
}

std::string in_colour(std::string_view text, const char* code) {
  return "\033[" + std::string(code) + "m" + std::string(text) + "\033[0m";
}

/// 0 when nothing says it.
std::size_t given_width(const std::string& columns) {
  unsigned number = 0;
  const auto [end, failed] = std::from_chars(columns.data(), columns.data() + columns.size(), number);
  if (failed == std::errc() && end == columns.data() + columns.size() && number > 0) return number;
  winsize size{};
  return ::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 ? size.ws_col : 0;
}

}  // namespace

std::string Style::heading(std::string_view text) const { return colour ? in_colour(text, "1") : std::string(text); }
std::string Style::word(std::string_view text) const { return colour ? in_colour(text, "36") : std::string(text); }

Style output_style(const Environment& environment) {
  Style style;
  if (const std::size_t width = given_width(environment.columns); width > 0)
    style.width = std::clamp<std::size_t>(width, 40, 110);
  style.colour = environment.allows_colour && ::isatty(STDOUT_FILENO) == 1;
  return style;
}

std::size_t characters(std::string_view text) {
  return static_cast<std::size_t>(std::count_if(text.begin(), text.end(), [](char c) { return (c & 0xc0) != 0x80; }));
}

std::string upper_case(std::string text) {
  for (char& c : text)
    if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
  return text;
}

std::string joined(const std::vector<std::string>& words, std::string_view between) {
  std::string text;
  for (const std::string& word : words) text.append(text.empty() ? "" : between).append(word);
  return text;
}

std::string as_line(std::string_view text) { return printable_line(text) + '\n'; }

std::string wrapped(std::string_view text, std::size_t width, std::size_t indent) {
  std::string result;
  std::size_t column = 0;
  const auto begin_line = [&] {
    result += "\n" + std::string(indent, ' ');
    column = 0;
  };
  for (std::size_t begin = 0; begin < text.size();) {
    const std::size_t end = std::min(text.find(' ', begin), text.size());
    std::string_view part = text.substr(begin, end - begin);
    begin = end + 1;
    if (part.empty()) continue;
    if (column > 0 && column + 1 + characters(part) > width) begin_line();
    for (std::size_t size; (size = fitting(part, width)) < part.size(); part.remove_prefix(size)) {
      result += part.substr(0, size);
      begin_line();
    }
    if (column > 0) result += ' ';
    column += (column > 0 ? 1 : 0) + characters(part);
    result += part;
  }
  return result;
}

std::string two_columns(const Rows& rows, const Style& style, const std::vector<const Rows*>& all) {
  std::size_t widest = widest_word(rows);
  for (const Rows* others : all) widest = std::max(widest, widest_word(*others));
  widest = std::min(widest, style.width / 2);
  const bool stacked = style.width < 2 + widest + 2 + kLeastText;
  const std::size_t indent = stacked ? 6 : 2 + widest + 2;
  std::string result;
  for (const auto& [word, text] : rows) {
    result += "  " + style.word(wrapped(word, style.width - 4, 4));
    const std::size_t used = characters(word);
    if (!text.empty()) {
      result += stacked || used > widest ? "\n" + std::string(indent, ' ') : std::string(widest - used + 2, ' ');
      result += wrapped(text, style.width - indent, indent);
    }
    result += '\n';
  }
  return result;
}

Rows& Sections::operator[](const std::string& heading) {
  for (auto& [known, rows] : sections_)
    if (known == heading) return rows;
  return sections_.emplace_back(heading, Rows()).second;
}

std::string Sections::text(const Style& style) const {
  std::vector<const Rows*> all;
  for (const auto& [heading, rows] : sections_) all.push_back(&rows);
  std::string result;
  for (const auto& [heading, rows] : sections_)
    result += "\n" + style.heading(heading + ":") + "\n" + two_columns(rows, style, all);
  return result;
}

}  // namespace lmf::host
