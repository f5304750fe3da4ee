#include "base/toml_text.hpp"

#include <algorithm>

namespace lmf {
namespace {

constexpr std::string_view kBlanks = " \t\r\n";

class Scan {
 public:
  explicit Scan(std::string_view toml) : toml_(toml), at_(toml.starts_with("\xef\xbb\xbf") ? 3 : 0) {}

  std::optional<std::size_t> run() {
    while (at_ < toml_.size() && !found_) {
      const char c = toml_[at_];
      if (c == '#')
        at_ = toml_.find('\n', at_);
      else if (c == '"' || c == '\'')
        pass_text(c);
      else if (!stop_at_foreign())
        ++at_;
    }
    return found_;
  }

 private:
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
  std::optional<std::size_t> found_;
};

}  // namespace

std::optional<std::size_t> character_outside_texts(std::string_view toml) { return Scan(toml).run(); }

}  // namespace lmf
