#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace lmf::text {

/// Scratch memory of matching; one per thread at a time.
class RegexWorkspace {
 public:
  RegexWorkspace();
  ~RegexWorkspace();
  RegexWorkspace(RegexWorkspace&&) noexcept;

 private:
  friend class Regex;
  struct State;
  std::unique_ptr<State> state_;
};

/// A regular expression as the tokenizers package means it: Oniguruma's dialect, run by PCRE2. What the two read
/// differently is rewritten (white space, word characters, newer letters) or refused (nested classes, ...).
class Regex {
 public:
  struct Match {
    std::size_t begin, end;
  };

  /// `origin` names the place of the pattern in error messages. Throws Error.
  Regex(std::string_view pattern, const std::string& origin);
  /// Matches `literal` as it is.
  static Regex literal(std::string_view literal, const std::string& origin);
  ~Regex();
  Regex(Regex&&) noexcept;

  /// The first match that begins at `from` or later; `text` is valid UTF-8. Throws Error when matching takes too long.
  std::optional<Match> find(std::string_view text, std::size_t from, RegexWorkspace& work) const;

  /// Calls `piece(begin, end, is_match)` for the matches and what lies between them, in order, covering `text`.
  template <class Function>
  void partition(std::string_view text, RegexWorkspace& work, Function&& piece) const {
    std::size_t done = 0, from = 0;
    std::optional<std::size_t> last_end;
    while (from <= text.size()) {
      const auto match = find(text, from, work);
      if (!match) break;
      if (match->begin == match->end && last_end == match->end) {  // no empty match right after a match
        from += from < text.size() ? character_length(text[from]) : 1;
        continue;
      }
      if (done < match->begin) piece(done, match->begin, false);
      piece(match->begin, match->end, true);
      done = from = match->end;
      last_end = match->end;
    }
    if (done < text.size()) piece(done, text.size(), false);
  }

 private:
  struct Code;
  static std::size_t character_length(char first);
  std::unique_ptr<Code> code_;
};

/// The pattern in PCRE2's words. Throws Error naming what has no equivalent.
std::string to_pcre2(std::string_view pattern, const std::string& origin);

}  // namespace lmf::text
