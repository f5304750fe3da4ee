#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json.hpp>

#include "protocol/generation_fields.hpp"
#include "protocol/messages.hpp"
#include "protocol/tools.hpp"

namespace lmf::api {

/// What the answer has to be, besides text.
struct AnswerForm {
  bool json = false;                ///< a JSON object, or what the schema allows
  nlohmann::ordered_json schema{};  ///< null: any object. In the order that it was written in, which is the answer's
};

struct ChatRequest {
  GenerationFields fields;
  Conversation conversation;
  AnswerForm form;
  ToolWishes tools;
  bool splits_reasoning = true;  ///< reasoning_format is not "none"
  std::optional<int> logprobs;   ///< how many alternatives to each token's
};

/// POST /v1/chat/completions. Throws ApiError for what is wrong, and for what this version does not do.
ChatRequest read_chat_request(std::string_view bytes, const Bounds& bounds);

}  // namespace lmf::api
