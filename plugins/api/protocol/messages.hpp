#pragma once

#include <optional>
#include <string>
#include <vector>

#include "protocol/body.hpp"
#include "text/chat_template.hpp"

namespace lmf::api {

/// A conversation as the templates take it: system texts joined and apart, and turns that are questions and answers.
struct Conversation {
  std::string system;  ///< of all system and developer messages, wherever they stand; "" for none
  std::vector<text::Message> turns;
  bool continues = false;      ///< the last turn is the answer's begin
  std::optional<bool> thinks;  ///< whether the answer may begin with a thought; none: as the server was told
};

/// The members "messages", "continue_final_message", "add_generation_prompt", "chat_template_kwargs" and
/// "reasoning_effort". Throws ApiError.
Conversation read_conversation(const Body& body);

}  // namespace lmf::api
