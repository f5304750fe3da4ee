#pragma once

#include <string>
#include <string_view>

namespace lmf::api {

/// Takes an answer apart that begins with <think>…</think>, while it comes in pieces: what is within is reasoning, what
/// follows, without the blanks between, is content. Any other answer is content, from its first byte.
class ReasoningSplit {
 public:
  struct Parts {
    std::string reasoning, content;
  };
  Parts push(std::string_view text);
  Parts finish();  ///< what was held back, because it could have become a mark

 private:
  enum class State { beginning, within, between, content };
  void read(Parts& parts, bool all);

  State state_ = State::beginning;
  std::string held_;
};

}  // namespace lmf::api
