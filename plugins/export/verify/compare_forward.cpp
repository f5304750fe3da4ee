#include <algorithm>

#include <torch/utils.h>
#include <fmt/format.h>

#include "model/layer_forward.hpp"
#include "verify/comparison.hpp"

namespace lmf::exporter {
namespace {

using torch::Tensor;

constexpr std::int64_t kHeadRows = 8192;  // of the vocabulary at a time

Distance distance(const Tensor& ours, const Tensor& theirs) {
  const Tensor difference = (ours - theirs).abs();
  return {difference.max().item<double>(),
          difference.norm().item<double>() / std::max(theirs.norm().item<double>(), 1e-30)};
}

/// How much the rounding of the weights may change hidden states and logits, in parts of their length. That each weight
/// is right is compare_weights()'s to say, exactly; this finds what is wrong with how they are put together.
double limit_for(const StoredModel& exported) {
  const std::string& dtype = exported.files().require("model.embed_tokens.weight").dtype;
  return dtype == "F32" ? 1e-3 : dtype == "F16" ? 0.05 : 0.25;
}

/// The best tokens and how far apart the logits are, some rows of the head at a time.
void compare_logits(const StoredModel& exported, const StoredModel& expected, const Tensor& ours, const Tensor& theirs,
                    ForwardFindings& findings) {
  const auto best = [] { return std::pair(torch::Tensor(), torch::Tensor()); };
  auto [our_value, our_token] = best();
  auto [their_value, their_token] = best();
  double squares = 0, difference_squares = 0;
  const auto keep_best = [](const Tensor& logits, std::int64_t first, Tensor& value, Tensor& token) {
    auto [top, place] = logits.max(1);
    place = place + first;
    if (value.defined()) {
      const Tensor better = top > value;
      top = torch::where(better, top, value);
      place = torch::where(better, place, token);
    }
    value = top;
    token = place;
  };
  for (std::int64_t first = 0; first < expected.spec().vocab_size; first += kHeadRows) {
    const std::int64_t count = std::min(kHeadRows, expected.spec().vocab_size - first);
    const Tensor a = exported.logits(ours, first, count), b = expected.logits(theirs, first, count);
    const Tensor difference = (a - b).abs();
    findings.logits.largest = std::max(findings.logits.largest, difference.max().item<double>());
    difference_squares += difference.square().sum().item<double>();
    squares += b.square().sum().item<double>();
    keep_best(a, first, our_value, our_token);
    keep_best(b, first, their_value, their_token);
  }
  findings.logits.relative = std::sqrt(difference_squares / std::max(squares, 1e-60));
  findings.same_best = (our_token == their_token).sum().item<std::int64_t>();
}

void judge(const std::string& what, const Distance& found, ForwardFindings& findings) {
  if (found.relative <= findings.limit || !findings.failure.empty()) return;
  findings.failure = fmt::format("{} differ by {:.3g} of their size, and rounding explains at most {:.3g}", what,
                                 found.relative, findings.limit);
}

}  // namespace

ForwardFindings compare_forward(const StoredModel& exported, const StoredModel& expected,
                                const std::vector<std::vector<std::int64_t>>& sequences, const Step& step) {
  const torch::NoGradGuard no_grad;
  ForwardFindings findings;
  findings.limit = limit_for(exported);
  const auto tokens = model::PackedTokens::from(sequences);
  findings.tokens = tokens.ids.size(0);
  Tensor ours = exported.embedded(tokens.ids), theirs = expected.embedded(tokens.ids);
  for (std::int64_t i = 0; i < expected.spec().layers; ++i) {
    step();
    ours = model::layer_forward(exported.layer(i), exported.spec(), ours, tokens);
    theirs = model::layer_forward(expected.layer(i), expected.spec(), theirs, tokens);
    findings.layers.push_back(distance(ours, theirs));
    if (findings.unusable.empty() && !torch::isfinite(theirs).all().item<bool>())
      findings.unusable = fmt::format(
          "the model with its adapters apart computes NaN or infinity itself, in layer {}: its weights hold some", i);
    judge(fmt::format("the hidden states after layer {}", i), findings.layers.back(), findings);
  }
  compare_logits(exported, expected, exported.normed(ours), expected.normed(theirs), findings);
  judge("the logits", findings.logits, findings);
  return findings;
}

}  // namespace lmf::exporter
