#pragma once

#include "generation.hpp"
#include "protocol/chat_request.hpp"
#include "protocol/completion_request.hpp"
#include "protocol/embedding_request.hpp"
#include "reading.hpp"

namespace lmf::api {

// From what was asked to what is to be generated. Throw ApiError for what cannot be.
GenerationPlan chat_plan(Service& service, const ModelId& model, ChatRequest request);
GenerationPlan completion_plan(Service& service, const ModelId& model, CompletionRequest request);
/// To be answered with a vector for each text.
ReadingPlan embedding_plan(Service& service, const ModelId& model, const EmbeddingRequest& request);
/// With a score for each. Throws ApiError 405 for a model that gives none.
ReadingPlan score_plan(Service& service, const ModelId& model, const ScoreRequest& request);

}  // namespace lmf::api
