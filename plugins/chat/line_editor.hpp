#pragma once

#include <filesystem>
#include <memory>
#include <string>

#include "interrupts.hpp"

namespace lmf::chat {

/// Reads lines at a terminal with editing and history (libedit; UTF-8 in any locale). The history is kept in a file
/// that only its owner can read; where that cannot be, it lasts for the session.
///
/// While one exists the terminal hands over each key by itself and echoes none, between two read() as well: what is
/// typed ahead waits for the next prompt and means there what it would have meant then.
class LineEditor {
 public:
  LineEditor(const std::filesystem::path& history_file, const Interrupts& interrupts);
  ~LineEditor();
  LineEditor(const LineEditor&) = delete;
  LineEditor& operator=(const LineEditor&) = delete;

  enum class End { line, interrupted, closed };
  /// One line without its newline, after `prompt`. interrupted: a signal is pending. closed: Ctrl-D on an empty line,
  /// or the terminal is gone.
  End read(const std::string& prompt, std::string& line);
  void remember(const std::string& line);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace lmf::chat
