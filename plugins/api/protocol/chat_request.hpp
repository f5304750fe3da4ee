#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json.hpp>

#include "protocol/generation_fields.hpp"
#include "text/chat_template.hpp"

namespace lmf::api {

/// A conversation as the templates take it: system texts joined and apart, and turns that are questions and answers.
struct Conversation {
  std::string system;  ///< of all system and developer messages, wherever they stand; "" for none
  std::vector<text::Message> turns;
  bool continues = false;  ///< the last turn is the answer's begin
};

/// What the answer has to be, besides text.
struct AnswerForm {
  bool json = false;                ///< a JSON object, or what the schema allows
  nlohmann::ordered_json schema{};  ///< null: any object. In the order that it was written in, which is the answer's
};

struct ChatRequest {
  GenerationFields fields;
  Conversation conversation;
  AnswerForm form;
  bool splits_reasoning = true;  ///< reasoning_format is not "none"
  std::optional<int> logprobs;   ///< how many alternatives to each token's
};

/// The members "messages", "continue_final_message" and "add_generation_prompt". Throws ApiError.
Conversation read_conversation(const Body& body);

/// POST /v1/chat/completions. Throws ApiError for what is wrong, and for what this version does not do.
ChatRequest read_chat_request(std::string_view bytes, const Bounds& bounds);

}  // namespace lmf::api
