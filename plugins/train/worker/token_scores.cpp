#include "train/worker/token_scores.hpp"

#include <algorithm>

#include <torch/utils.h>

namespace lmf::train {

using torch::Tensor;

TokenScores score_tokens(const Tensor& hidden, const model::Linear& head, const Tensor& targets,
                         std::int64_t chunk_bytes) {
  const torch::NoGradGuard no_grad;
  const std::int64_t n = hidden.size(0), row_bytes = head.weight.size(0) * std::int64_t{sizeof(float)};
  const std::int64_t rows = std::max<std::int64_t>(chunk_bytes / row_bytes, 1);
  TokenScores scores{0.0, torch::empty({n}, targets.options().dtype(torch::kBool))};
  for (std::int64_t begin = 0; begin < n; begin += rows) {
    const std::int64_t count = std::min(rows, n - begin);
    const Tensor logits = head.forward(hidden.narrow(0, begin, count), /*training=*/false);  // [count, V]
    const Tensor target = targets.narrow(0, begin, count);
    scores.loss += torch::cross_entropy_loss(logits, target, /*weight=*/{}, at::Reduction::Sum).item<double>();
    scores.right.narrow(0, begin, count).copy_(logits.argmax(1).eq(target));
  }
  return scores;
}

}  // namespace lmf::train
