#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "text/chat_template.hpp"

namespace lmf::chat {

/// A conversation in a file: {"messages": [{"role": "system" | "user" | "assistant", "content": "…"}, …]}, as chat
/// completions have it and as a record of training data (formatting: sharegpt, with OpenAI's tags) can.
struct Transcript {
  std::string system;                ///< empty: none
  std::vector<text::Message> turns;  ///< questions and answers in turn
  bool whole = true;                 ///< of one that was loaded: the file has nothing else in it

  std::string to_json() const;
  /// Throws Error naming `file` for what is no such conversation. A list of messages alone is one, too.
  static Transcript from_json(std::string_view json, const std::string& file);

  /// Throws Error when the file cannot be written, or is there and `may_replace` is not set.
  void save(const std::filesystem::path& file, bool may_replace) const;
  static Transcript load(const std::filesystem::path& file);
};

}  // namespace lmf::chat
