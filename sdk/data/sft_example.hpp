#pragma once

#include <cstdint>
#include <vector>

#include "data/conversation.hpp"
#include "text/chat_template.hpp"
#include "text/tokenizer.hpp"

namespace lmf::data {

struct SftOptions {
  std::int64_t cutoff_len = 2048;
  bool train_on_prompt = false;
  bool mask_history = false;
  bool for_prediction = false;  ///< encode_prediction() in place of encode_sft()
};

struct SftExample {
  std::vector<std::int32_t> ids, labels;
  std::int64_t full_length = 0;  ///< tokens before truncation
};

/// How many of a question's and an answer's tokens are kept when both have to share `budget`: a short answer is kept
/// whole and the question cut, a short question is kept whole and the answer cut, otherwise each gives in proportion.
struct Share {
  std::int64_t source, target;
};
Share share_budget(std::int64_t source, std::int64_t target, std::int64_t budget);

/// ids and labels of one conversation, turn by turn, as LLaMA-Factory's supervised stage builds them (its 0.9.5).
SftExample encode_sft(const Conversation& conversation, const text::Tokenizer& tokenizer,
                      const text::ChatTemplate& chat_template, const SftOptions& options);

/// The prompt of one conversation, which is all but its last answer, and that answer: ids of both, of which only the
/// answer's are labels. As LLaMA-Factory's predictions have them, the cutoff shared as for training.
SftExample encode_prediction(const Conversation& conversation, const text::Tokenizer& tokenizer,
                             const text::ChatTemplate& chat_template, std::int64_t cutoff_len);

}  // namespace lmf::data
