#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "text/chat_template.hpp"
#include "text/tokenizer.hpp"

namespace lmf::exporter {

/// What was found of the tokens: a conversation's in training, beside those that the exported folder makes of it.
struct TextFindings {
  std::int64_t texts = 0, tokens = 0;
  std::int64_t conversations = 0;  ///< among the texts; where the template has a tool format, one has tools and calls
  bool own_chat_template = false;  ///< chat_template.jinja is lmf's; else the tokenizer's own, which is not compared
  /// Conversations that chat_template.jinja gives other tokens than training: it tokenises one text, training each
  /// slot.
  std::int64_t otherwise_as_one_text = 0;
  std::string failure;
};

/// `trained`: the base's tokenizer with the template's repairs, as the trainer has it. `exported`: that of the folder.
TextFindings compare_texts(const text::Tokenizer& exported, const text::Tokenizer& trained,
                           const std::optional<text::ChatTemplate>& chat_template);

/// What both models are run on: conversations in the template, or plain texts without one, each at most `longest`
/// tokens.
std::vector<std::vector<std::int64_t>> probe_sequences(const text::Tokenizer& tokenizer,
                                                       const std::optional<text::ChatTemplate>& chat_template,
                                                       std::int64_t longest);

}  // namespace lmf::exporter
