#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace lmf::api {

// What answers look like, as text. No request is needed to make one, and no model.

enum class Route { chat, completions };

/// What all parts of one answer have in common.
struct AnswerHead {
  Route route = Route::chat;
  std::string id;  ///< "chatcmpl-…" or "cmpl-…"
  std::int64_t created = 0;
  std::string model, fingerprint;
};

struct Usage {
  std::int64_t prompt_tokens = 0, completion_tokens = 0, cached_tokens = 0;
};

struct Timings {
  double queued = 0, first_token = 0, whole = 0;  ///< seconds since the request came
};

/// A token with its alternatives.
struct LogprobEntry {
  struct Alternative {
    std::string token;  ///< its bytes
    float logprob = 0;
  };
  Alternative chosen;
  std::vector<Alternative> top;
  std::size_t offset = 0;  ///< of the token in the answer's text, in characters; completions only
  bool known = true;       ///< false: the prompt's first token, which nothing comes before
};

/// Code points, as OpenAI counts. A character that two tokens share is the first one's.
std::size_t characters(std::string_view bytes);

/// A call of a tool.
struct CallText {
  std::string id, name, arguments;
};

struct Choice {
  std::int64_t index = 0;
  std::string text;
  std::string reasoning;  ///< chat only
  std::vector<CallText> calls;
  std::string finish;  ///< "stop", "length", "tool_calls"
  std::optional<std::vector<LogprobEntry>> logprobs;
};

std::string whole_answer(const AnswerHead& head, const std::vector<Choice>& choices, const Usage& usage,
                         const std::optional<Timings>& timings);

/// The events of one stream, without their framing.
class StreamText {
 public:
  /// `usage_wanted`: events before the last one say that there is none yet.
  StreamText(const AnswerHead& head, bool usage_wanted);
  /// Chat's first event of each choice: {"role":"assistant","content":""}.
  std::string opening(std::int64_t index) const;
  /// `member`: of chat's delta: content or reasoning_content.
  std::string piece(std::int64_t index, std::string_view text, const std::vector<LogprobEntry>* logprobs,
                    const std::optional<Usage>& usage, std::string_view member = "content") const;
  /// Part of a call, the answer's `number`-th: its begin, or, where `begin` is null, more of its arguments.
  std::string call(std::int64_t index, std::size_t number, const CallText* begin, std::string_view arguments,
                   const std::vector<LogprobEntry>* logprobs, const std::optional<Usage>& usage) const;
  std::string ending(std::int64_t index, std::string_view finish, const std::optional<Usage>& usage) const;
  /// The last one, without choices.
  std::string totals(const Usage& usage, const std::optional<Timings>& timings) const;

 private:
  std::string event(const std::string& choice, const std::optional<Usage>& usage) const;
  Route route_;
  bool usage_wanted_;
  std::string begin_;
};

}  // namespace lmf::api
