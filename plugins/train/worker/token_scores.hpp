#pragma once

#include <cstdint>

#include <torch/types.h>

#include "model/decoder.hpp"

namespace lmf::train {

/// How well rows of hidden states predict their targets.
struct TokenScores {
  double loss = 0.0;    ///< Σ cross-entropy
  torch::Tensor right;  ///< bool [n]: the target is the most likely token
};

/// hidden: fp32 [n, C]. targets: int64 [n]. No gradients; logits of about `chunk_bytes` are held at a time, whatever
/// the head has beside its weight (a bias, an adapter).
TokenScores score_tokens(const torch::Tensor& hidden, const model::Linear& head, const torch::Tensor& targets,
                         std::int64_t chunk_bytes = 64 << 20);

}  // namespace lmf::train
