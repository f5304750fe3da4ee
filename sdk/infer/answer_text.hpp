#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "text/tokenizer.hpp"

namespace lmf::infer {

/// The text of an answer whose tokens come one by one: whole characters, and nothing of a stop string. What may be the
/// beginning of one is held back until that is certain.
class AnswerText {
 public:
  /// `stops`: none of them empty.
  AnswerText(const text::Tokenizer& tokenizer, std::vector<std::string> stops, bool skip_special_tokens = true);

  /// Text that became certain, perhaps none. Nothing more comes after a stop string. `may_stop`: whether one counts
  /// yet; from the first time that it does, it does always.
  std::string push(std::int32_t id, bool may_stop = true);
  /// What was held back, at the end of the answer.
  std::string finish();
  bool stopped() const { return stopped_; }

 private:
  std::string release(std::string piece, bool all);

  text::StreamDecoder decoder_;
  std::vector<std::string> stops_;
  std::string held_;
  bool stopped_ = false;
};

}  // namespace lmf::infer
