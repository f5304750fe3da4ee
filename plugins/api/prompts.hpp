#pragma once

#include <cstdint>
#include <vector>

#include "protocol/chat_request.hpp"
#include "text/chat_template.hpp"
#include "text/tokenizer.hpp"

namespace lmf::api {

/// What the template puts in front of calls of tools, for example "[TOOL_CALLS]"; no blanks at its end.
std::string call_mark(const text::ChatTemplate& chat_template);

/// The tokens that a conversation is for the model. One that continues ends within its last answer: nothing of what
/// the template puts behind an answer is there. `tools`: JSON, or empty.
std::vector<std::int32_t> encode_conversation(const text::ChatTemplate& chat_template, const text::Tokenizer& tokenizer,
                                              const Conversation& conversation, const std::string& tools);

}  // namespace lmf::api
