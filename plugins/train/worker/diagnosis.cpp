#include "train/worker/diagnosis.hpp"

#include <optional>
#include <string>

#include <torch/utils.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include "train/worker/gradients.hpp"

namespace lmf::train {
namespace {

constexpr std::size_t kNamedExamples = 64;

bool finite(const torch::Tensor& tensor) { return torch::isfinite(tensor).all().item<bool>(); }

std::string origins(const std::vector<Batch>& batches, const data::TokenStore& store) {
  std::vector<std::string> names;
  for (const Batch& batch : batches) {
    for (std::int64_t example : batch.examples) names.push_back(store.origin(example));
  }
  const std::size_t rest = names.size() > kNamedExamples ? names.size() - kNamedExamples : 0;
  names.resize(names.size() - rest);
  return fmt::format("{}{}", fmt::join(names, ", "), rest > 0 ? fmt::format(" and {} more", rest) : "");
}

/// The first part of the decoder whose output on `tokens` is not finite.
std::optional<std::string> first_bad_part(const model::Decoder& decoder, const model::PackedTokens& tokens) {
  std::vector<torch::Tensor> states;  // before each layer, and after the last one
  decoder.hidden_states(tokens, states);
  for (std::size_t i = 0; i < states.size(); ++i) {
    if (!finite(states[i])) return i == 0 ? "model.embed_tokens" : fmt::format("model.layers.{}", i - 1);
  }
  return std::nullopt;
}

/// "the output of model.layers.3 (float32) on identity.json:7 (record 2)", of the first example that shows it.
std::optional<std::string> first_bad_output(const model::Decoder& decoder, const std::vector<Batch>& batches,
                                            const data::TokenStore& store) {
  for (const Batch& batch : batches) {
    for (std::int64_t index : batch.examples) {
      const Batch alone = Batch::of(store, {index}, decoder.embedding.device());
      if (const auto part = first_bad_part(decoder, alone.tokens)) {
        return fmt::format("the output of {} (float32) on {}", *part, store.origin(index));
      }
    }
  }
  return std::nullopt;
}

}  // namespace

Error explain_non_finite(std::int64_t step, double loss, double gradient_norm, const Trainee& trainee,
                         const std::vector<Batch>& batches, const data::TokenStore& store) {
  torch::NoGradGuard no_grad;
  std::optional<std::string> cause;
  if (const auto parameter = first_non_finite_value(trainee.decoder().parameters())) {
    cause = fmt::format("the parameter {}", *parameter);
  } else if (const auto learning = first_non_finite_value(trainee.trainable())) {
    cause = fmt::format("the parameter {}", *learning);
  } else if (const auto output = first_bad_output(trainee.decoder(), batches, store)) {
    cause = *output;
  } else if (const auto gradient = first_non_finite_gradient(trainee.trainable())) {
    cause = fmt::format("the gradient of {}", *gradient);
  } else {
    cause = "the loss itself (float32)";
  }
  return Error(
      fmt::format("step {} stopped: loss {}, gradient norm {}; the first value that is no finite number is {}; "
                  "examples of the step: {}",
                  step, loss, gradient_norm, *cause, origins(batches, store)),
      "look at these examples, or lower learning_rate; checkpoints, if any were saved, are from before this step");
}

}  // namespace lmf::train
