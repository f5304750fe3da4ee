#pragma once

#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "conversation.hpp"

namespace lmf::chat {

/// A message that is an order to the program: "/save talk.json".
struct SlashCommand {
  std::string name, argument;
};
/// nullopt for any other message: one that begins with a blank, a path (/etc/hosts), several lines.
std::optional<SlashCommand> slash_command(std::string_view message);

/// The commands of a conversation at a terminal.
class Commands {
 public:
  explicit Commands(Conversation& conversation) : conversation_(conversation) {}

  struct Outcome {
    std::string say;                 ///< to show, with its last newline
    std::optional<std::string> ask;  ///< the message to answer next
    bool leave = false;
  };
  /// Throws Error for a command that cannot be done; the conversation is then as it was.
  Outcome run(const SlashCommand& command);

  /// What `/read` put in front of the next message, and the message. It stays there until answered().
  std::string with_attached(const std::string& message) const;
  void answered() { attached_.reset(); }
  /// To say when a message got no answer, without a last newline; "" for nothing.
  std::string after_refusal() const;
  /// To be told of each answer: what there is to say after it, without a last newline; "" for nothing.
  std::string after_answer(const infer::Answer& answer);

 private:
  struct Entry;
  static std::span<const Entry> entries();

  Outcome help(const std::string&);
  Outcome clear(const std::string&);
  Outcome leave(const std::string&);
  Outcome again(const std::string&);
  Outcome undo(const std::string&);
  Outcome edit(const std::string&);
  Outcome system(const std::string& text);
  Outcome set(const std::string& assignment);
  Outcome show(const std::string&);
  Outcome save(const std::string& file);
  Outcome load(const std::string& file);
  Outcome read(const std::string& file);
  Outcome tools(const std::string& file);
  Outcome stats(const std::string&);
  Outcome model(const std::string&);
  Outcome copy(const std::string&);

  std::string stats_line() const;
  /// Throws Error when with `what` ("these tools") no message could be answered any more, after `turns`.
  void require_room(const std::string& what, const std::vector<text::Message>& turns, const std::string& message,
                    const char* hint) const;

  Conversation& conversation_;
  std::optional<infer::Answer> last_;
  std::filesystem::path file_;  // what is in it is the conversation, so that /save may replace it
  struct Attached {
    std::string file, text;
  };
  std::optional<Attached> attached_;
  bool shows_stats_ = false, warned_ = false;
};

}  // namespace lmf::chat
