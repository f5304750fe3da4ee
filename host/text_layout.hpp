#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace lmf::host {

struct Environment;

/// How text for people is laid out.
struct Style {
  std::size_t width = 80;  ///< columns
  bool colour = false;

  std::string heading(std::string_view text) const;  ///< bold
  std::string word(std::string_view text) const;     ///< what the user may type
};

/// For standard output. Width: COLUMNS, else the terminal's, else 80; never below 40 or above 110, where lines read
/// badly. Colour on a terminal only, unless NO_COLOR is set or TERM is "dumb".
Style output_style(const Environment& environment);

using Rows = std::vector<std::pair<std::string, std::string>>;

/// Rows of a word and its explanation, explanations aligned and wrapped at the style's width; each row is indented by
/// 2. A word wider than the column stands on lines of its own; so do all where the explanations' column would be
/// narrow. The column is that of these rows, or of `all` of a page.
std::string two_columns(const Rows& rows, const Style& style, const std::vector<const Rows*>& all = {});

/// `text` in lines of at most `width` characters, broken at blanks, and a word that is wider after its '=', '|' and
/// ','; lines after the first are indented.
std::string wrapped(std::string_view text, std::size_t width, std::size_t indent);

/// `text` as a line of an answer, whatever the names of files in it have: control characters and newlines made visible.
std::string as_line(std::string_view text);

/// "a, b, c"
std::string joined(const std::vector<std::string>& words, std::string_view between = ", ");

/// ASCII letters as capitals.
std::string upper_case(std::string text);

/// Characters of UTF-8 text (a terminal column each, but for East Asian and combining ones).
std::size_t characters(std::string_view text);

/// A heading and its rows, headings in the order of their first row; explanations are aligned over the whole page.
class Sections {
 public:
  Rows& operator[](const std::string& heading);
  std::string text(const Style& style) const;
  const std::vector<std::pair<std::string, Rows>>& all() const { return sections_; }

 private:
  std::vector<std::pair<std::string, Rows>> sections_;
};

}  // namespace lmf::host
