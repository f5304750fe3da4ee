// Answers for scripts: standard output carries them and nothing else, one after the other, each ending with a newline.
#include <cerrno>
#include <cstring>
#include <optional>

#include <nlohmann/json.hpp>
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

/// Of an answer, for programs: one line.
std::string as_json(const infer::Answer& answer, const std::string& text) {
  const infer::End& end = answer.end;
  const auto finish = [&] {
    switch (end.finish) {
      case infer::Finish::stop:
        return "stop";
      case infer::Finish::cancelled:
        return "cancelled";
      default:
        return "length";
    }
  };
  const nlohmann::ordered_json object{
      {"role", "assistant"},
      {"content", text},
      {"finish_reason", finish()},
      {"usage",
       {{"prompt_tokens", end.prompt_tokens},
        {"completion_tokens", end.completion_tokens},
        {"cached_tokens", end.cached_tokens}}},
      {"seconds", {{"first_token", end.first_token.count()}, {"all", end.whole.count()}}}};
  return printable_json(object.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace));
}

/// Returns the exit status so far: a signal during the answer ends the program here, where nobody sits at a terminal.
int answer(Conversation& conversation, const std::string& message, bool json, const Interrupts& interrupts) {
  // At a terminal, the text without what would command it. A file or a program gets every byte that the model said.
  const bool terminal = ::isatty(STDOUT_FILENO);
  std::string all;
  const auto show = [&](std::string_view text) {
    if (json)
      all += text;
    else if (terminal)
      write_out(STDOUT_FILENO, printable(text));
    else
      write_out(STDOUT_FILENO, text);
  };
  const auto result = conversation.ask(message, show, interrupts.stop_requested());
  write_out(STDOUT_FILENO, json ? as_json(result, all) + "\n" : "\n");
  explain_end(result.end.finish);
  return interrupts.pending() ? 128 + interrupts.pending() : kExitDone;
}

}  // namespace

int answer_prompts(Conversation& conversation, const Arguments& arguments, Interrupts& interrupts) {
  for (const std::string& prompt : arguments.prompts) {
    conversation.clear();
    if (const int status = answer(conversation, prompt, arguments.json, interrupts)) return status;
  }
  return kExitDone;
}

int answer_lines(Conversation& conversation, const Arguments& arguments, Interrupts& interrupts) {
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
        if (const int status = answer(conversation, *line, arguments.json, interrupts)) return status;
    }
  }
  return interrupts.pending() ? 128 + interrupts.pending() : kExitDone;
}

}  // namespace lmf::chat
