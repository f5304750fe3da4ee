// The conversation with a person at a terminal.
#include <unistd.h>

#include "base/log.hpp"
#include "base/paths.hpp"
#include "base/printable.hpp"
#include "line_editor.hpp"
#include "lmf/error.hpp"
#include "output.hpp"
#include "sessions.hpp"
#include "words.hpp"

namespace lmf::chat {
namespace {

/// Empty where there is no home: then it lasts for the session.
std::filesystem::path history_file() {
  const auto folder = user_state_directory();
  return folder.empty() ? folder : folder / "chat_history";
}

constexpr std::string_view kQuotes = R"(""")";

/// A message: one line, lines that end with a backslash, or lines between two marks of three quotes.
class MessageReader {
 public:
  explicit MessageReader(const Interrupts& interrupts) : editor_(history_file(), interrupts) {}

  LineEditor::End read(std::string& message) {
    message.clear();
    bool quoted = false;
    for (std::string line;; message += '\n') {
      const auto end = editor_.read(message.empty() && !quoted ? "User: " : "  ... ", line);
      if (end != LineEditor::End::line) return end;
      editor_.remember(line);
      const bool opens = !quoted && message.empty() && line.starts_with(kQuotes);
      if (opens) line.erase(0, kQuotes.size());
      quoted = quoted || opens;
      const bool closes = quoted && line.ends_with(kQuotes);
      const bool goes_on = !quoted && line.ends_with('\\');
      if (closes) line.resize(line.size() - kQuotes.size());
      if (goes_on) line.pop_back();
      message += line;
      if (closes || (!quoted && !goes_on)) return end;
    }
  }

 private:
  LineEditor editor_;
};

void answer(Conversation& conversation, const std::string& message, Interrupts& interrupts) {
  const auto show = [](std::string_view text) { write_out(STDOUT_FILENO, printable(text)); };
  try {
    show("Assistant: ");
    const auto result = conversation.ask(message, show, interrupts.stop_requested());
    show("\n");
    explain_end(result.end.finish);
    if (!result.ids.empty())
      log::debug("{} tokens, {:.1f} a second; first after {:.3f} s; {} of the prompt's reused", result.ids.size(),
                 static_cast<double>(result.ids.size()) / result.end.whole.count(), result.end.first_token.count(),
                 result.end.cached_tokens);
  } catch (const Error& error) {  // too long a conversation, for example: the next message may do
    show("\n");
    log::error("{}{}{}", error.what(), error.hint().empty() ? "" : "\n  ", error.hint());
  }
}

}  // namespace

int converse(Conversation& conversation, Interrupts& interrupts) {
  write_out(STDOUT_FILENO,
            "`clear` forgets the conversation, `exit` or Ctrl-D ends, Ctrl-C stops an answer; \"\"\" begins and ends a "
            "message of several lines.\n");
  MessageReader reader(interrupts);
  bool leaving = false;  // Ctrl-C was pressed at an empty prompt, once
  for (std::string message;;) {
    interrupts.clear();
    if (const int signal = interrupts.pending()) return 128 + signal;
    const auto end = reader.read(message);
    if (end == LineEditor::End::closed) break;
    if (end == LineEditor::End::interrupted) {
      if (interrupts.pending() != SIGINT) continue;
      write_out(STDOUT_FILENO, leaving ? "\n" : "\n(Ctrl-C again ends)\n");
      if (leaving) return 128 + SIGINT;
      leaving = true;
      continue;
    }
    leaving = false;
    const Word word = word_in(message);
    if (word == Word::exit) return kExitDone;
    if (word == Word::clear) {
      conversation.clear();
      write_out(STDOUT_FILENO, "The conversation is forgotten.\n");
    } else if (word == Word::message) {
      answer(conversation, message, interrupts);
    }
  }
  write_out(STDOUT_FILENO, "\n");
  return kExitDone;
}

}  // namespace lmf::chat
