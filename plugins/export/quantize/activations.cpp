#include "quantize/activations.hpp"

#include <algorithm>
#include <cmath>
#include <utility>

#include <torch/utils.h>

namespace lmf::exporter {
namespace {

using torch::Tensor;

constexpr std::size_t kBatchTokens = 4096;
constexpr std::int64_t kHeadRows = 8192;  // of the vocabulary at a time

/// Which tokens have one after them in their sequence, and the ids of those.
std::pair<Tensor, Tensor> predictions(const model::PackedTokens& tokens) {
  std::vector<std::int64_t> places;
  for (std::size_t i = 0; i + 1 < tokens.offsets.size(); ++i)
    for (std::int64_t t = tokens.offsets[i]; t + 1 < tokens.offsets[i + 1]; ++t) places.push_back(t);
  const Tensor at = torch::tensor(places, torch::kInt64);
  return {at, tokens.ids.index_select(0, at + 1)};
}

}  // namespace

Activations::Activations(const StoredModel& model, const Sequences& sequences) {
  Sequences some;
  std::size_t count = 0;
  const auto add = [&] {
    if (some.empty()) return;
    auto tokens = model::PackedTokens::from(some);
    Tensor x = model.embedded(tokens.ids);
    batches_.push_back({std::move(tokens), std::move(x)});
    some.clear();
    count = 0;
  };
  for (const auto& sequence : sequences) {
    if (count + sequence.size() > kBatchTokens) add();
    some.push_back(sequence);
    count += sequence.size();
  }
  add();
}

void Activations::advance(const model::Layer& layer, const model::DecoderSpec& spec) {
  for (Batch& batch : batches_) batch.x = model::layer_forward(layer, spec, batch.x, batch.tokens);
}

Hessian Activations::hessian(const model::Layer& layer, const model::DecoderSpec& spec,
                             model::LinearInput input) const {
  Hessian hessian;
  for (const Batch& batch : batches_) hessian.add(model::linear_input(layer, spec, batch.x, batch.tokens, input));
  return hessian;
}

std::int64_t Activations::tokens() const {
  std::int64_t tokens = 0;
  for (const Batch& batch : batches_) tokens += batch.x.size(0);
  return tokens;
}

double Activations::perplexity(const StoredModel& model) const {
  double loss = 0;
  std::int64_t count = 0;
  for (const Batch& batch : batches_) {
    const auto [at, next] = predictions(batch.tokens);
    if (at.size(0) == 0) continue;
    const Tensor hidden = model.normed(batch.x).index_select(0, at);
    Tensor all = torch::full({at.size(0)}, -INFINITY), right = torch::zeros({at.size(0)});
    for (std::int64_t first = 0; first < model.spec().vocab_size; first += kHeadRows) {
      const std::int64_t rows = std::min(kHeadRows, model.spec().vocab_size - first);
      const Tensor logits = model.logits(hidden, first, rows);
      all = torch::logaddexp(all, logits.logsumexp(1));
      const Tensor here = torch::logical_and(next >= first, next < first + rows);
      const Tensor place = (next - first).clamp(0, rows - 1).unsqueeze(1);
      right = torch::where(here, logits.gather(1, place).squeeze(1), right);
    }
    loss += (all - right).sum(torch::kFloat64).item<double>();
    count += at.size(0);
  }
  return std::exp(loss / double(std::max<std::int64_t>(count, 1)));
}

}  // namespace lmf::exporter
