#include <fmt/format.h>

#include "lmf/error.hpp"
#include "text/regex.hpp"
#include "text/unicode.hpp"

namespace lmf::text {
namespace {

// Unicode's White_Space and what is not; PCRE2's \s also takes U+180E.
constexpr std::string_view kSpaceClass =
    R"(\x{9}-\x{d}\x{20}\x{85}\x{a0}\x{1680}\x{2000}-\x{200a}\x{2028}\x{2029}\x{202f}\x{205f}\x{3000})";
constexpr std::string_view kNotSpace =
    R"(\x{0}-\x{8}\x{e}-\x{1f}\x{21}-\x{84}\x{86}-\x{9f}\x{a1}-\x{167f}\x{1681}-\x{1fff}\x{200b}-\x{2027})"
    R"(\x{202a}-\x{202e}\x{2030}-\x{205e}\x{2060}-\x{2fff}\x{3001}-\x{10ffff})";

/// Rewrites one pattern, from left to right.
class Translator {
 public:
  Translator(std::string_view pattern, const std::string& origin) : pattern_(pattern), origin_(origin) {}

  std::string run() {
    while (at_ < pattern_.size()) {
      const char c = pattern_[at_];
      if (c == '\\')
        escape();
      else if (c == '[')
        open_class();
      else if (c == ']' && in_class_)
        close_class();
      else if (in_class_ && pattern_.substr(at_, 2) == "&&")
        refuse("an intersection of character classes");
      else if (c == '+' && !in_class_ && at_ > 0 && ends_with_interval())
        refuse("an interval that is repeated");
      else
        copy(1);
    }
    return std::move(result_);
  }

 private:
  [[noreturn]] void refuse(std::string_view what) const {
    throw Error(fmt::format("{}: the pattern {} uses {}, which lmf does not read", origin_, pattern_, what),
                "the patterns of Llama, Qwen, Mistral, GPT-2 and Gemma tokenizers are read");
  }
  void copy(std::size_t count) {
    result_.append(pattern_.substr(at_, count));
    at_ += count;
  }
  void open_class() {
    if (in_class_) {
      if (pattern_.substr(at_, 2) != "[:") refuse("a character class within a class");
      const std::size_t end = pattern_.find(":]", at_);
      if (end == std::string_view::npos) refuse("an unfinished [: :]");
      return copy(end + 2 - at_);
    }
    in_class_ = true;
    copy(1);
    if (at_ < pattern_.size() && pattern_[at_] == '^') copy(1);
    if (at_ < pattern_.size() && pattern_[at_] == ']') copy(1);
  }
  void close_class() {
    in_class_ = false;
    copy(1);
  }
  /// After {m,n} a plus repeats in Oniguruma and forbids backtracking in PCRE2.
  bool ends_with_interval() const {
    if (pattern_[at_ - 1] != '}') return false;
    const std::size_t open = pattern_.rfind('{', at_);
    if (open == std::string_view::npos ||
        (open > 1 && (pattern_[open - 1] == 'p' || pattern_[open - 1] == 'P') && pattern_[open - 2] == '\\'))
      return false;
    return pattern_.substr(open + 1, at_ - open - 2).find_first_not_of("0123456789,") == std::string_view::npos;
  }
  void put_class(std::string_view members) {
    result_.append(in_class_ ? "" : "[").append(members).append(in_class_ ? "" : "]");
    at_ += 2;
  }
  void escape() {
    if (at_ + 1 >= pattern_.size()) refuse("a backslash at the end");
    switch (pattern_[at_ + 1]) {
      case 's':
        return put_class(kSpaceClass);
      case 'S':
        return put_class(kNotSpace);
      case 'h':
        return put_class("0-9a-fA-F");
      case 'd':
        return put_class(R"(\p{Nd})" + newer("Nd"));
      case 'w':
        return put_class(word());
      case 'W':
      case 'D':
      case 'H':
      case 'b':
      case 'B':
        if (!in_class_ && (pattern_[at_ + 1] == 'W' || pattern_[at_ + 1] == 'D')) return negated();
        refuse(fmt::format("\\{}", pattern_[at_ + 1]));
      case 'u':
        return code_point();
      case 'p':
        return property();
      case 'g':
      case 'k':
      case 'y':
      case 'Y':
      case 'K':
      case 'G':
      case 'O':
      case 'R':
      case 'X':
        refuse(fmt::format("\\{}", pattern_[at_ + 1]));
      default:
        return copy(1 + unicode::bytes_of(pattern_[at_ + 1]));
    }
  }
  /// Oniguruma's \w: letters, marks, decimal digits, letter numbers, connectors, numbers of Latin-1, circled letters.
  static std::string word() {
    return R"(\p{L}\p{M}\p{Nd}\p{Nl}\p{Pc}\x{b2}\x{b3}\x{b9}\x{bc}-\x{be}\x{24b6}-\x{24e9})"
           R"(\x{1f130}-\x{1f149}\x{1f150}-\x{1f169}\x{1f170}-\x{1f189})" +
           newer("L") + newer("M") + newer("Nd");
  }
  void negated() {
    const char what = pattern_[at_ + 1];
    result_.append("[^");
    in_class_ = true;
    put_class(what == 'D' ? R"(\p{Nd})" + newer("Nd") : word());
    in_class_ = false;
    result_.append("]");
  }
  void code_point() {
    const std::string_view digits = pattern_.substr(at_ + 2, 4);
    if (digits.size() != 4 || digits.find_first_not_of("0123456789abcdefABCDEF") != std::string_view::npos)
      refuse("\\u without four hexadecimal digits");
    result_.append(fmt::format("\\x{{{}}}", digits));
    at_ += 6;
  }
  void property() {
    const std::size_t end = pattern_.find('}', at_);
    if (at_ + 2 >= pattern_.size() || pattern_[at_ + 2] != '{' || end == std::string_view::npos)
      refuse("\\p without {name}");
    const std::string_view name = pattern_.substr(at_ + 3, end - at_ - 3);
    const std::string more = newer(name);
    if (more.empty()) return copy(end + 1 - at_);
    result_.append(in_class_ ? "" : "[").append(pattern_.substr(at_, end + 1 - at_)).append(more);
    if (!in_class_) result_.append("]");
    at_ = end + 1;
  }
  /// The newer characters whose general category is `name` or begins with it, for use in a class.
  static std::string newer(std::string_view name) {
    std::string ranges;
    if (name.empty() || name.size() > 2) return ranges;
    for (const auto& range : unicode::newer_ranges())
      if (std::string_view(range.category).substr(0, name.size()) == name)
        ranges += fmt::format("\\x{{{:x}}}-\\x{{{:x}}}", static_cast<std::uint32_t>(range.first),
                              static_cast<std::uint32_t>(range.last));
    return ranges;
  }

  std::string_view pattern_;
  const std::string& origin_;
  std::string result_;
  std::size_t at_ = 0;
  bool in_class_ = false;
};

}  // namespace

std::string to_pcre2(std::string_view pattern, const std::string& origin) { return Translator(pattern, origin).run(); }

}  // namespace lmf::text
