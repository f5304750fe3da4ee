#pragma once

#include "generation.hpp"
#include "protocol/chat_request.hpp"
#include "protocol/completion_request.hpp"

namespace lmf::api {

// From what was asked to what is to be generated. Throw ApiError for what cannot be.
GenerationPlan chat_plan(Service& service, ChatRequest request);
GenerationPlan completion_plan(Service& service, CompletionRequest request);

}  // namespace lmf::api
