#pragma once

#include <cstdint>

#include <torch/types.h>

#include "model/decoder.hpp"

namespace lmf::train {

/// Σ cross-entropy(logits of each row, its target) / divisor, without ever holding [n, V] logits: rows are taken in
/// chunks whose logits fit `chunk_bytes`, and the gradients with respect to `hidden` and the head's weight are made in
/// the same pass (the loss is the end of the graph, so its own derivative is known then). Compared with keeping the
/// logits this costs no matrix product more; compared with recomputing them it saves one.
///
/// hidden: fp32 [n, C], rows that have a target only. targets: int64 [n]. Result: fp32 scalar.
/// A head with a low-rank adapter or a bias takes the plain path, which does hold the logits.
torch::Tensor chunked_cross_entropy(const torch::Tensor& hidden, const model::Linear& head,
                                    const torch::Tensor& targets, double divisor, std::int64_t chunk_bytes = 64 << 20);

}  // namespace lmf::train
