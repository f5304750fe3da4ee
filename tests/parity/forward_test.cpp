// The decoder beside transformers' numbers: forward_MODEL.json, eager attention, float32.
#include <torch/utils.h>
#include <doctest/doctest.h>

#include <cmath>

#include "parity/reference.hpp"

namespace {

using lmf::model::Decoder;
using lmf::model::PackedTokens;
using lmf::test::reference;
using lmf::test::reference_model;
using nlohmann::json;
using torch::Tensor;

// Eager and SDPA attention of transformers itself differ by up to 2e-6; ten times that leaves room for another order of
// sums.
constexpr double kLogitTolerance = 2e-5;
constexpr double kGradientTolerance = 1e-4;  // relative, for the same reason

Tensor floats(const json& values) { return torch::tensor(values.get<std::vector<double>>(), torch::kFloat64); }

double difference(const Tensor& ours, const json& expected) {
  const Tensor theirs = floats(expected);
  return (ours.detach().flatten().narrow(0, 0, theirs.size(0)).to(torch::kFloat64) - theirs).abs().max().item<double>();
}

std::vector<std::int64_t> greedy(const Decoder& decoder, std::vector<std::int64_t> ids, std::int64_t count) {
  lmf::model::KeyValueCache cache(decoder.spec(), static_cast<std::int64_t>(ids.size()) + count, torch::kFloat32,
                                  torch::kCPU);
  std::vector<std::int64_t> answer;
  Tensor next = torch::tensor(ids, torch::kInt64);
  for (std::int64_t i = 0; i < count; ++i) {
    const Tensor hidden = decoder.hidden_cached(next, cache);
    next = decoder.logits(hidden.narrow(0, hidden.size(0) - 1, 1)).argmax(-1);
    answer.push_back(next.item<std::int64_t>());
  }
  return answer;
}

Tensor mean_loss(const Decoder& decoder, const std::vector<std::int64_t>& ids, bool checkpoint = false) {
  const auto tokens = PackedTokens::from({ids});
  const Tensor logits = decoder.logits(decoder.hidden(tokens, checkpoint, checkpoint)).to(torch::kFloat32);
  const std::int64_t count = tokens.ids.size(0) - 1;
  return torch::cross_entropy_loss(logits.narrow(0, 0, count), tokens.ids.narrow(0, 1, count));
}

void check_logits(const Decoder& decoder, const json& expected) {
  const torch::NoGradGuard no_grad;
  std::vector<Tensor> states;
  const auto ids = expected["input_ids"].get<std::vector<std::int64_t>>();
  const Tensor hidden = decoder.hidden_states(PackedTokens::from({ids}), states), logits = decoder.logits(hidden);
  const Tensor last = logits[logits.size(0) - 1];
  double most =
      std::max(difference(last, expected["last_logits_first8"]), difference(logits[0], expected["pos0_logits_first8"]));
  for (const auto& entry : expected["last_logits_top5"])
    most = std::max(most, std::abs(last[entry[0].get<std::int64_t>()].item<double>() - entry[1].get<double>()));
  REQUIRE(states.size() == expected["hidden_states"].size());
  for (std::size_t i = 0; i < states.size(); ++i)
    most =
        std::max(most, difference(states[i][states[i].size(0) - 1], expected["hidden_states"][i]["first4_last_pos"]));
  MESSAGE("logits and hidden states: max difference ", most);
  CHECK(most < kLogitTolerance);
}

void check_gradients(Decoder& decoder, const json& expected, bool checkpoint) {
  for (auto& [name, tensor] : decoder.parameters()) {
    tensor.set_requires_grad(true);
    tensor.mutable_grad() = Tensor();
  }
  const Tensor loss = mean_loss(decoder, expected["input_ids"].get<std::vector<std::int64_t>>(), checkpoint);
  CHECK(loss.item<double>() == doctest::Approx(expected["loss"].get<double>()).epsilon(1e-6));
  loss.backward();
  double most = 0.0;
  for (const auto& [name, tensor] : decoder.parameters()) {
    if (!expected["grads"].contains(name)) continue;
    const double norm = expected["grads"][name]["l2"].get<double>();
    most = std::max(most, std::abs(tensor.grad().to(torch::kFloat64).norm().item<double>() - norm) / norm);
    most = std::max(most, difference(tensor.grad(), expected["grads"][name]["first4"]) / norm);
  }
  MESSAGE("gradients: max relative difference ", most);
  CHECK(most < kGradientTolerance);
}

/// The original pads the shorter sequence on the left; here the two lie end to end. Their last tokens see the same.
void check_batch(const Decoder& decoder, const json& expected) {
  const torch::NoGradGuard no_grad;
  const auto ids = expected["input_ids"].get<std::vector<std::int64_t>>();
  const auto tokens = PackedTokens::from({{ids.begin(), ids.begin() + 32}, {ids.begin(), ids.begin() + 48}});
  const Tensor logits = decoder.logits(decoder.hidden(tokens));
  double most = 0.0;
  for (std::size_t i = 0; i < 2; ++i)
    most =
        std::max(most, difference(logits[tokens.offsets[i + 1] - 1], expected["left_pad_batch_last_logits_first4"][i]));
  MESSAGE("logits of a batch: max difference ", most);
  CHECK(most < kLogitTolerance);
}

Decoder in_bfloat16(Decoder decoder) {
  for (const auto& [name, place] : decoder.slots()) *place = place->to(torch::kBFloat16);
  decoder.retie();
  return decoder;
}

/// How far one correct evaluation in bfloat16 lies from the exact one. Every result is rounded to 8 bits, an error that
/// is uniform within u = 2^-9 of it, with deviation u/√3. A layer rounds some 16 results one after another (two norms,
/// seven projections, rotation, scores, weights, their sum, the gate, its product, two residual sums), and such errors
/// add like random steps: logits deviate by their own spread times u/√3 · √(16 · layers).
double bfloat16_deviation(const Decoder& decoder, const json& expected) {
  const double rounding = std::ldexp(1.0, -9) / std::sqrt(3.0);
  return expected["logits_stats"]["std"].get<double>() * rounding *
         std::sqrt(16.0 * static_cast<double>(decoder.spec().layers));
}

/// A token's loss deviates as its logit does; the mean over n tokens by 1/√n of that. Two correct orders of operations,
/// transformers' and this one, deviate independently: by √2 of one's deviation. Four of those never happen by chance.
void check_bfloat16(const Decoder& exact, const json& expected) {
  const torch::NoGradGuard no_grad;
  const Decoder decoder = in_bfloat16(exact);
  const auto ids = expected["input_ids"].get<std::vector<std::int64_t>>();
  const auto tokens = PackedTokens::from({ids});
  const Tensor logits = decoder.logits(decoder.hidden(tokens)), reference = exact.logits(exact.hidden(tokens));
  CHECK((logits.scalar_type() == torch::kBFloat16));
  const double deviation = bfloat16_deviation(decoder, expected),
               measured = (logits.to(torch::kFloat32) - reference).square().mean().sqrt().item<double>();
  const double tolerance = 4.0 * std::sqrt(2.0) * deviation / std::sqrt(static_cast<double>(ids.size() - 1));
  const double loss = mean_loss(decoder, ids).item<double>(), theirs = expected["bf16_loss"].get<double>();
  MESSAGE("bfloat16: loss ", loss, ", transformers' ", theirs, " (tolerance ", tolerance, "); logits deviate by ",
          measured, ", expected about ", deviation);
  CHECK(std::abs(loss - theirs) < tolerance);
  CHECK(measured < 1.5 * deviation);
}

void check_model(const std::string& name) {
  const json expected = reference("parity/forward_" + name + ".json");
  Decoder decoder = reference_model(name);
  check_logits(decoder, expected);
  const auto ids = expected["input_ids"].get<std::vector<std::int64_t>>();
  CHECK(greedy(decoder, {ids.begin(), ids.begin() + 32}, 16) ==
        expected["greedy16_after_first32"].get<std::vector<std::int64_t>>());
  check_batch(decoder, expected);
  check_bfloat16(decoder, expected);
  check_gradients(decoder, expected, false);
  check_gradients(decoder, expected, true);
}

}  // namespace

TEST_CASE("tiny-llama: logits, batches, bfloat16, greedy tokens and gradients are transformers'") {
  check_model("tiny-llama");
}
TEST_CASE("tiny-qwen2: logits, batches, bfloat16, greedy tokens and gradients are transformers'") {
  check_model("tiny-qwen2");
}
TEST_CASE("tiny-mistral: logits, batches, bfloat16, greedy tokens and gradients are transformers'") {
  check_model("tiny-mistral");
}
TEST_CASE("llama-110m: logits, batches, bfloat16, greedy tokens and gradients are transformers'") {
  check_model("llama-110m");
}

TEST_CASE("stories260K, a trained model, tells its story") {
  const json expected = reference("assets/stories260K/expected.json");
  const Decoder decoder = Decoder::load(*lmf::test::shared_directory() / "assets/stories260K");
  const auto ids = expected["greedy_ids"].get<std::vector<std::int64_t>>();
  CHECK(greedy(decoder, expected["prompt_ids"].get<std::vector<std::int64_t>>(),
               static_cast<std::int64_t>(ids.size()) - 1) == std::vector<std::int64_t>(ids.begin() + 1, ids.end()));
  const torch::NoGradGuard no_grad;
  const double loss = mean_loss(decoder, {ids.begin(), ids.begin() + 128}).item<double>();
  MESSAGE("loss of the first 128 tokens: ", loss, ", expected ", expected["loss_first_128"].get<double>());
  CHECK(loss == doctest::Approx(expected["loss_first_128"].get<double>()).epsilon(1e-5));
}
