#pragma once

#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "text/tool_format.hpp"

namespace lmf::text {

// What an answer turns out to be, piece by piece.
struct AnswerPiece {
  std::string text;  ///< of what is no call
};
struct ToolCallBegin {
  std::string name;
};
struct ToolCallArguments {
  std::string json;  ///< more of the last call's arguments
};
using AnswerPart = std::variant<AnswerPiece, ToolCallBegin, ToolCallArguments>;

/// Finds the calls in an answer while it comes. Text is held back only as long as it can be a call's begin, with the
/// blanks before it. A call of a tool that is none of `names` is text, and so is what is no call after all. Arguments
/// are passed on as they were written, and may end in the middle when the answer does.
class ToolCallReader {
 public:
  /// `mark`: what the template puts in front of calls ("[TOOL_CALLS]"), of which an answer may show nothing since it is
  /// a special token; or empty.
  ToolCallReader(const ToolFormat& format, std::string_view mark, std::vector<std::string> names);

  std::vector<AnswerPart> push(std::string_view text);
  /// What was held back: text, or, of an answer that had to be `only_calls` and was cut off, the begin of one: a call
  /// without arguments where its name is whole, else nothing.
  std::vector<AnswerPart> finish(bool only_calls = false);
  /// Calls whose arguments are whole.
  std::size_t calls() const { return calls_; }

 private:
  enum class State { text, arguments, tail };
  enum class Match { no, maybe, yes };
  enum class Held { goes_on, is_text, is_call };  // what it is taken for while it may be a call
  struct Call {
    std::string name, arguments;  // name: "" until it is whole; arguments: those that had to be read whole
    std::size_t size = 0;         // of what was read: up to the arguments' '{', or all
    bool whole = false;
  };
  /// Follows JSON up to where the object ends that it is in.
  struct Scanner {
    int depth = 0;
    bool in_string = false, escaped = false;
    std::size_t read(std::string_view text);  // how much of it belongs to the object; depth is 0 when it has ended
  };

  std::vector<AnswerPart> read(Held held);
  bool read_text(std::vector<AnswerPart>& parts, Held held);
  bool read_arguments(std::vector<AnswerPart>& parts);
  bool read_tail();
  std::size_t candidate(std::size_t from) const;
  void release(std::vector<AnswerPart>& parts, std::size_t size, bool with_blanks);
  void begin(std::vector<AnswerPart>& parts, Call call);
  Match match_call(std::string_view text, Call& call) const;
  Match match_json(std::string_view text, Call& call) const;
  Match match_header(std::string_view text, Call& call) const;
  Match match_lines(std::string_view text, Call& call) const;
  bool known(const std::string& name) const;

  const std::string mark_, open_, between_, close_;  // what a call is written with, without blanks at the ends
  const std::string arguments_key_;
  const std::string_view between_calls_;  // letters that mean nothing there
  const bool json_;
  const std::vector<std::string> names_;
  std::string held_;
  State state_ = State::text;
  bool began_ = false;  // with something else than a call
  std::size_t calls_ = 0;
  Scanner scanner_;
};

}  // namespace lmf::text
