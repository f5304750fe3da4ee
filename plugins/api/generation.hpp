#pragma once

#include <chrono>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "http/server.hpp"
#include "infer/answer_text.hpp"
#include "infer/engine.hpp"
#include "infer/grammar.hpp"
#include "protocol/answer.hpp"
#include "protocol/reasoning.hpp"
#include "service.hpp"
#include "text/tool_call_reader.hpp"

namespace lmf::api {

/// A prompt that is ready for the engine.
struct ReadyPrompt {
  std::vector<std::int32_t> ids;
  std::string echo;       ///< what the answer begins with; completions only
  std::size_t added = 0;  ///< tokens at the begin that the tokenizer added (BOS): the echo has nothing of them
};

/// How calls of tools are recognised in an answer.
struct CallForm {
  std::shared_ptr<const text::ToolFormat> format;
  std::string mark;  ///< what the template puts in front of them
  std::vector<std::string> names;
  bool several = true;    ///< else the answer ends behind the first
  bool required = false;  ///< there is nothing else in it
};

struct GenerationPlan {
  AnswerHead head;
  std::int32_t adapter = -1;  ///< of those that are kept apart
  GenerationFields fields;
  std::vector<ReadyPrompt> prompts;
  std::optional<int> logprobs;
  bool echo = false;
  bool splits_reasoning = false;          ///< <think>…</think> at the answer's begin is told apart; chat only
  std::optional<infer::Recogniser> form;  ///< of the texts that may be answered
  std::optional<CallForm> tools;          ///< calls are told apart
};

/// One request's answers: n of each prompt, on the engine at once, into one response. Tokens come on the engine's
/// thread, which also writes the response.
class Generation : public std::enable_shared_from_this<Generation> {
 public:
  /// Throws ApiError, before anything is answered, for what cannot be generated.
  static void start(Service& service, GenerationPlan plan, http::Responder responder);
  Generation(Service& service, GenerationPlan plan, http::Responder responder);

  /// Ends it with an error, for example because the server ends.
  void abort(const std::string& why);

 private:
  class ChoiceListener;
  struct State {
    infer::Engine::Ticket ticket = 0;
    std::unique_ptr<infer::AnswerText> text;
    Choice choice;
    ReasoningSplit reasoning;
    std::optional<text::ToolCallReader> calls;
    std::string said;                   // content and calls as the model wrote them, unless they were sent
    std::vector<LogprobEntry> entries;  // of text that is not out yet
    std::size_t offset = 0;             // of the next token in the text, in characters
    std::size_t prompt_tokens = 0;      // of the echo, that were seen
    std::int64_t tokens = 0, cached = 0;
    std::chrono::steady_clock::time_point last_token;
    bool decided = false;  // its text and finish are known
    bool ended = false;    // the engine has let it go
  };

  infer::Request request(std::size_t index) const;
  void submit();
  void on_token(std::size_t index, const infer::Token& token);
  void on_end(std::size_t index, const infer::End& end);
  void give_up();
  LogprobEntry entry_of(State& state, const infer::Token& token) const;
  void emit(State& state, const std::string& piece, bool last = false);
  void emit_content(State& state, const std::string& content, bool last);
  void emit_part(State& state, const std::string& piece, bool reasoning);
  void emit_call(State& state, const text::AnswerPart& part);
  void decide(State& state, const std::string& rest, std::string finish);
  void complete();
  void fail(int status, const std::string& why);
  Usage usage() const;
  std::optional<Usage> running_usage() const;

  Service& service_;
  const GenerationPlan plan_;
  const http::Responder responder_;
  const StreamText stream_;
  std::mutex mutex_;
  std::vector<State> states_;  // prompts * n
  std::size_t left_ = 0;       // that the engine has not let go
  bool given_up_ = false;      // nobody wants the answer
  std::optional<std::pair<int, std::string>> failure_;
  Timings timings_;
};

}  // namespace lmf::api
