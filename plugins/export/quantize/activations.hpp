#pragma once

#include <cstdint>
#include <vector>

#include <torch/types.h>

#include "quantize/gptq.hpp"
#include "model/layer_forward.hpp"
#include "verify/stored_model.hpp"

namespace lmf::exporter {

/// Sequences on their way through a model: what enters the next layer, of some thousand tokens at a time.
class Activations {
 public:
  using Sequences = std::vector<std::vector<std::int64_t>>;
  Activations(const StoredModel& model, const Sequences& sequences);

  void advance(const model::Layer& layer, const model::DecoderSpec& spec);
  /// Of what these linears of the layer are applied to.
  Hessian hessian(const model::Layer& layer, const model::DecoderSpec& spec, model::LinearInput input) const;
  std::int64_t tokens() const;
  /// exp of the mean loss of each sequence's tokens but its first, once all layers are passed.
  double perplexity(const StoredModel& model) const;

 private:
  struct Batch {
    model::PackedTokens tokens;
    torch::Tensor x;  // [T, C]
  };
  std::vector<Batch> batches_;
};

}  // namespace lmf::exporter
