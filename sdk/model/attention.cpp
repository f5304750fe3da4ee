#include "model/attention.hpp"

#include <algorithm>

namespace lmf::model {
namespace {

using torch::Tensor;

/// [T, H, D] to [1, H, T, D], as scaled_dot_product_attention wants it.
Tensor heads_first(const Tensor& x) { return x.transpose(0, 1).unsqueeze(0); }

/// Each key head as often as query heads read it: the fused CPU kernels want equal numbers.
Tensor spread(const Tensor& x, std::int64_t heads) {
  const auto [tokens, own, width] = std::tuple(x.size(0), x.size(1), x.size(2));
  if (own == heads) return x;
  return x.unsqueeze(2).expand({tokens, own, heads / own, width}).reshape({tokens, heads, width});
}

/// Which of `length` keys each of the last `count` tokens sees: bool [count, length].
Tensor visible(std::int64_t count, std::int64_t length, std::int64_t window, torch::Device device) {
  const Tensor query =
      torch::arange(length - count, length, torch::TensorOptions(device).dtype(torch::kInt64)).unsqueeze(1);
  const Tensor key = torch::arange(length, torch::TensorOptions(device).dtype(torch::kInt64)).unsqueeze(0);
  const Tensor causal = key <= query;
  return window > 0 ? causal & (key > query - window) : causal;
}

Tensor one_sequence(const Tensor& q, const Tensor& k, const Tensor& v, std::int64_t window, double dropout) {
  const std::int64_t count = q.size(0), length = k.size(0);
  const bool windowed = window > 0 && window < length;
  const bool causal = !windowed && count == length && count > 1;
  std::optional<Tensor> mask;
  if (!causal && (count > 1 || windowed)) mask = visible(count, length, window, q.device());
  const Tensor y = torch::scaled_dot_product_attention(heads_first(q), heads_first(spread(k, q.size(1))),
                                                       heads_first(spread(v, q.size(1))), mask, dropout, causal);
  return y.squeeze(0).transpose(0, 1);
}

}  // namespace

Tensor packed_attention(const Tensor& q, const Tensor& k, const Tensor& v, const std::vector<std::int64_t>& offsets,
                        std::int64_t window, double dropout) {
  std::vector<Tensor> parts;
  for (std::size_t i = 0; i + 1 < offsets.size(); ++i) {
    const std::int64_t begin = offsets[i], count = offsets[i + 1] - begin;
    if (count > 0)
      parts.push_back(one_sequence(q.narrow(0, begin, count), k.narrow(0, begin, count), v.narrow(0, begin, count),
                                   window, dropout));
  }
  if (parts.empty()) return q;
  return parts.size() == 1 ? parts.front() : torch::cat(parts, 0);
}

Tensor batched_attention(const Tensor& q, const Tensor& k, const Tensor& v, const std::optional<Tensor>& seen) {
  // The query heads of one key head become its query positions, which spares copying the keys (research: 9-12 times
  // faster than spreading them).
  const std::int64_t sequences = q.size(0), heads = k.size(2), width = q.size(2);
  const Tensor folded = q.view({sequences, heads, q.size(1) / heads, width});
  std::optional<Tensor> mask;
  if (seen) mask = seen->view({sequences, 1, 1, seen->size(1)});
  const Tensor y = torch::scaled_dot_product_attention(folded, k.transpose(1, 2), v.transpose(1, 2), mask);
  return y.reshape({sequences, q.size(1), width});
}

Tensor cached_attention(const Tensor& q, const Tensor& k, const Tensor& v, std::int64_t window) {
  if (q.size(0) > 1) return one_sequence(q, k, v, window, 0.0);
  // One token: all keys it sees are before it, so no mask.
  const std::int64_t length = k.size(0), seen = window > 0 ? std::min(window, length) : length;
  const auto last = [&](const Tensor& all) { return all.narrow(0, length - seen, seen).unsqueeze(0); };
  return batched_attention(q, last(k), last(v), {});
}

}  // namespace lmf::model
