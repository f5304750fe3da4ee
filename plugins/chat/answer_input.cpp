// Answers for scripts: standard output carries them and nothing else, one after the other, each ending with a newline.
#include <cerrno>
#include <cstring>
#include <optional>

#include <unistd.h>

#include "base/printable.hpp"
#include "lmf/error.hpp"
#include "output.hpp"
#include "sessions.hpp"
#include "words.hpp"

namespace lmf::chat {
namespace {

// A line longer than this is no message: no model's context holds it.
constexpr std::size_t kLongestLine = std::size_t{16} << 20;

/// Lines of standard input. A signal ends the wait for one.
class InputLines {
 public:
  explicit InputLines(const Interrupts& interrupts) : interrupts_(interrupts) {}

  /// Without its newline; nullopt at the end of input or when a signal asks to stop.
  std::optional<std::string> next() {
    for (;;) {
      if (const auto end = buffer_.find('\n', searched_); end != buffer_.npos) return take(end, end + 1);
      searched_ = buffer_.size();
      if (searched_ > kLongestLine) throw Error("a line of standard input is longer than 16 MiB", {}, kExitUsage);
      const auto awaited = interrupts_.wait_for_input(STDIN_FILENO);
      if (awaited == Interrupts::Awaited::signal) return std::nullopt;
      if (awaited == Interrupts::Awaited::resumed) continue;
      char bytes[65536];
      const ssize_t count = ::read(STDIN_FILENO, bytes, sizeof bytes);
      if (count > 0) {
        buffer_.append(bytes, static_cast<std::size_t>(count));
      } else if (count == 0) {
        return buffer_.empty() ? std::nullopt : std::optional(take(buffer_.size(), buffer_.size()));
      } else if (errno != EINTR) {
        throw Error(std::string("standard input cannot be read: ") + std::strerror(errno));
      }
    }
  }

 private:
  std::string take(std::size_t end, std::size_t next_line) {
    std::string line = buffer_.substr(0, end);
    if (line.ends_with('\r')) line.pop_back();
    buffer_.erase(0, next_line);
    searched_ = 0;
    return line;
  }

  const Interrupts& interrupts_;
  std::string buffer_;
  std::size_t searched_ = 0;
};

/// Returns the exit status so far: a signal during the answer ends the program here, where nobody sits at a terminal.
int answer(Conversation& conversation, const std::string& message, const Interrupts& interrupts) {
  // At a terminal, the text without what would command it. A file or a program gets every byte that the model said.
  const bool terminal = ::isatty(STDOUT_FILENO);
  const auto show = [terminal](std::string_view text) {
    if (terminal)
      write_out(STDOUT_FILENO, printable(text));
    else
      write_out(STDOUT_FILENO, text);
  };
  const auto result = conversation.ask(message, show, interrupts.stop_requested());
  write_out(STDOUT_FILENO, "\n");
  explain_end(result.end.finish);
  return interrupts.pending() ? 128 + interrupts.pending() : kExitDone;
}

}  // namespace

int answer_prompts(Conversation& conversation, const std::vector<std::string>& prompts, Interrupts& interrupts) {
  for (const std::string& prompt : prompts) {
    conversation.clear();
    if (const int status = answer(conversation, prompt, interrupts)) return status;
  }
  return kExitDone;
}

int answer_lines(Conversation& conversation, Interrupts& interrupts) {
  InputLines lines(interrupts);
  while (const auto line = lines.next()) {
    switch (word_in(*line)) {
      case Word::exit:
        return kExitDone;
      case Word::clear:
        conversation.clear();
        break;
      case Word::nothing:
        break;
      case Word::message:
        if (const int status = answer(conversation, *line, interrupts)) return status;
    }
  }
  return interrupts.pending() ? 128 + interrupts.pending() : kExitDone;
}

}  // namespace lmf::chat
