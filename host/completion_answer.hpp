#pragma once

#include <set>
#include <string>
#include <string_view>

#include "host/environment.hpp"

namespace lmf::host {

/// The lines of an answer (see completion.hpp), as they are found.
class CompletionAnswer {
 public:
  explicit CompletionAnswer(std::string_view typed) : typed_(typed) {}

  std::string_view typed() const { return typed_; }
  /// Adds `word` when it goes on from what was typed.
  void add(std::string_view word, std::string_view meaning = {});
  /// Adds what `kind` describes, behind `prefix`: "file", "file:*.yaml,*.toml", "folder", or "names:FOLDER", the names
  /// of the TOML files of a folder of share/lmf.
  void add_kind(std::string_view kind, std::string_view prefix, const Environment& environment);
  std::string text() const { return lines_ + directive_; }

 private:
  std::string_view typed_;
  std::string lines_, directive_;
  std::set<std::string, std::less<>> words_;  ///< what is there: a name may be found twice
};

}  // namespace lmf::host
