// Plans of what only reads its texts: embeddings and scores.
#include <fmt/format.h>

#include "plans.hpp"
#include "protocol/api_error.hpp"
#include "protocol/json_text.hpp"

namespace lmf::api {

ReadingPlan embedding_plan(Service& service, const ModelId& model, const EmbeddingRequest& request) {
  const auto size = static_cast<std::size_t>(service.engine().spec().hidden_size);
  if (request.dimensions.value_or(1) > static_cast<std::int64_t>(size))
    throw ApiError::invalid("dimensions",
                            fmt::format("dimensions is {}, the model's vectors have {}", *request.dimensions, size));
  ReadingPlan plan{
      .prompts = {}, .param = "input", .adapter = model.adapter, .last_only = request.last_token, .answer = {}};
  for (const Prompt& prompt : request.inputs) {
    const auto* text = std::get_if<std::string>(&prompt);
    plan.prompts.push_back(text ? service.tokenizer().encode(*text, /*add_special_tokens=*/true)
                                : std::get<std::vector<std::int32_t>>(prompt));
  }
  plan.answer = [name = model.name, base64 = request.base64,
                 dimensions = static_cast<std::size_t>(request.dimensions.value_or(static_cast<std::int64_t>(size)))](
                    std::vector<std::vector<float>> states, std::int64_t tokens) {
    for (auto& state : states) {
      state.resize(dimensions);
      make_unit_length(state);
    }
    return embedding_answer(name, states, base64, tokens);
  };
  return plan;
}

ReadingPlan score_plan(Service& service, const ModelId& model, const ScoreRequest& request) {
  const infer::ValueHead* head = service.value_head(model.adapter);
  if (head == nullptr)
    throw ApiError(
        405, error_type(405),
        fmt::format("'{}' generates: only a reward model, which has value_head.safetensors, gives scores", model.name));
  ReadingPlan plan{.prompts = {}, .param = "messages", .adapter = model.adapter, .last_only = true, .answer = {}};
  const std::int64_t most =
      std::min(request.max_length.value_or(service.engine().context_tokens()), service.engine().context_tokens());
  for (const std::string& text : request.texts) {
    auto ids = service.tokenizer().encode(text, /*add_special_tokens=*/false);
    if (static_cast<std::int64_t>(ids.size()) > most) ids.resize(static_cast<std::size_t>(most));
    plan.prompts.push_back(std::move(ids));
  }
  plan.answer = [head, name = model.name, id = "scoreval-" + service.new_id()](
                    const std::vector<std::vector<float>>& states, std::int64_t) {
    std::vector<float> scores;
    for (const auto& state : states) scores.push_back(head->score(state));
    return score_answer(id, name, scores);
  };
  return plan;
}

}  // namespace lmf::api
