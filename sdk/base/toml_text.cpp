#include "base/toml_text.hpp"

#include <algorithm>
#include <string>

namespace lmf {
namespace {

constexpr std::string_view kBlanks = " \t\r\n", kNumberEnds = " \t\n\v\f\r],}#";

class Scan {
 public:
  explicit Scan(std::string_view toml) : toml_(toml), at_(toml.starts_with("\xef\xbb\xbf") ? 3 : 0) {}

  std::optional<std::size_t> run() {
    while (at_ < toml_.size() && !found_) pass(toml_[at_]);
    return found_;
  }

 private:
  void pass(char c) {
    if (c == '#') {
      at_ = toml_.find('\n', at_);
    } else if (c == '"' || c == '\'') {
      pass_text(c);
      value_ = false;
    } else if (value_ && (is_digit(c) || c == '+' || c == '-')) {
      pass_number();
      value_ = false;
    } else if (!stop_at_foreign()) {
      note(c);
      ++at_;
    }
  }

  /// Where values stand: after '=', and in arrays.
  void note(char c) {
    if (c == ' ' || c == '\t' || c == '\r' || (c == '\n' && !open_.empty())) return;
    if (value_ && (c == '[' || c == '{')) open_ += c;
    if ((c == ']' || c == '}') && !open_.empty()) open_.pop_back();
    value_ = c == '=' || ((c == '[' || c == ',') && open_.ends_with('['));
  }

  static bool is_digit(char c) { return c >= '0' && c <= '9'; }

  /// A blank within a date and time.
  bool goes_on() const {
    const std::string_view next = toml_.substr(at_, 2);
    return next.size() == 2 && next[0] == ' ' && is_digit(next[1]);
  }

  /// What begins as a number or a date, to its end as toml++ finds it: quotes in it begin no text.
  void pass_number() {
    while (at_ < toml_.size() && !stop_at_foreign() && (kNumberEnds.find(toml_[at_]) == kNumberEnds.npos || goes_on()))
      ++at_;
  }

  bool stop_at_foreign() {
    if (at_ < toml_.size() && static_cast<unsigned char>(toml_[at_]) >= 0x80) found_ = at_;
    return found_.has_value();
  }
  bool is_triple(char quote) const {
    return toml_.substr(at_, 3) == std::string_view("\"\"\"'''").substr(quote == '"' ? 0 : 3, 3);
  }

  void pass_text(char quote) {
    if (is_triple(quote)) {
      pass_lines(quote);
      return;
    }
    for (++at_; at_ < toml_.size() && toml_[at_] != '\n'; ++at_) {
      if (toml_[at_] == quote) {
        ++at_;
        return;
      }
      if (toml_[at_] == '\\' && quote == '"') ++at_;
    }
  }

  void pass_lines(char quote) {
    for (at_ += 3; at_ < toml_.size() && !found_;) {
      if (is_triple(quote)) {
        at_ += 3;
        for (int further = 0; further < 2 && at_ < toml_.size() && toml_[at_] == quote; ++further) ++at_;
        return;
      }
      const bool escape = toml_[at_++] == '\\' && quote == '"';
      if (!escape) continue;
      const std::size_t next = std::min(toml_.find_first_not_of(kBlanks, at_), toml_.size());
      const bool ends_line = next > at_;
      at_ = next;
      if (!stop_at_foreign() && !ends_line) ++at_;
    }
  }

  std::string_view toml_;
  std::size_t at_;
  bool value_ = false;  ///< one may begin here
  std::string open_;    ///< the arrays and inline tables around
  std::optional<std::size_t> found_;
};

}  // namespace

std::optional<std::size_t> character_outside_texts(std::string_view toml) {
  unsigned bits = 0;  // of all bytes, without a branch: most files have ASCII only, and are read at every start
  for (const char c : toml) bits |= static_cast<unsigned char>(c);
  return bits < 0x80 ? std::nullopt : Scan(toml).run();
}

}  // namespace lmf
