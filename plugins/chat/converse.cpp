// The conversation with a person at a terminal.
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/log.hpp"
#include "base/paths.hpp"
#include "base/printable.hpp"
#include "commands.hpp"
#include "line_editor.hpp"
#include "lmf/error.hpp"
#include "output.hpp"
#include "sessions.hpp"
#include "word_wrap.hpp"
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
  MessageReader(const Interrupts& interrupts, bool keeps_history)
      : editor_(keeps_history ? history_file() : std::filesystem::path(), interrupts) {}

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

/// 0 where the terminal does not tell it.
int terminal_width() {
  winsize size{};
  return ::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 ? size.ws_col : 0;
}

void show(std::string_view text) { write_out(STDOUT_FILENO, text); }

void explain(const Error& error) {
  log::error("{}{}{}", error.what(), error.hint().empty() ? "" : "\n  ", error.hint());
}

/// False when there is no answer: the conversation is as it was.
bool answer(Conversation& conversation, Commands& commands, const std::string& message, Interrupts& interrupts,
            bool wraps) {
  constexpr std::string_view kPrompt = "Assistant: ";
  WordWrap wrap(wraps ? terminal_width : [] { return 0; });
  wrap.finish(static_cast<int>(kPrompt.size()));
  const auto turns = conversation.turns().size();
  try {
    show(kPrompt);
    const auto result = conversation.ask(
        message, [&](std::string_view text) { show(wrap.push(printable(text))); }, interrupts.stop_requested());
    show(wrap.finish() + "\n");
    explain_end(result.end.finish);
    if (const auto said = commands.after_answer(result); !said.empty()) show("(" + said + ")\n");
  } catch (const Error& error) {  // too long a conversation, for example: the next message may do
    show(wrap.finish() + "\n");
    explain(error);
  }
  return conversation.turns().size() > turns;
}

/// False: to leave.
bool obey(const SlashCommand& command, Conversation& conversation, Commands& commands, Interrupts& interrupts,
          bool wraps) {
  const auto before = conversation.turns();
  try {
    const auto outcome = commands.run(command);
    show(outcome.say);
    interrupts.clear();  // one that was meant for an editor
    // What /regen and /edit took back has to be there still when nothing takes its place.
    if (outcome.ask && !answer(conversation, commands, *outcome.ask, interrupts, wraps)) conversation.set_turns(before);
    return !outcome.leave;
  } catch (const Error& error) {
    explain(error);
    return true;
  }
}

}  // namespace

int converse(Conversation& conversation, const Arguments& arguments, Interrupts& interrupts) {
  show(
      "`clear` forgets the conversation, `exit` or Ctrl-D ends, Ctrl-C stops an answer; \"\"\" begins and ends a "
      "message of several lines; /help tells more.\n");
  MessageReader reader(interrupts, arguments.history);
  Commands commands(conversation);
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
    if (word == Word::nothing) continue;
    std::optional<SlashCommand> command = slash_command(message);
    if (word == Word::exit) command = {"exit", {}};
    if (word == Word::clear) command = {"clear", {}};
    if (!command) {
      if (answer(conversation, commands, commands.with_attached(message), interrupts, arguments.wrap))
        commands.answered();
      else if (const auto said = commands.after_refusal(); !said.empty())
        show("(" + said + ")\n");
    } else if (!obey(*command, conversation, commands, interrupts, arguments.wrap)) {
      return kExitDone;
    }
  }
  write_out(STDOUT_FILENO, "\n");
  return kExitDone;
}

}  // namespace lmf::chat
