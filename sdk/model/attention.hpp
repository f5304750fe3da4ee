#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include <torch/types.h>

namespace lmf::model {

/// Causal attention inside each packed sequence. q [T, H, D], k and v [T, Hkv, D], result [T, H, D]; H is a multiple of
/// Hkv and query head h reads key head h / (H / Hkv). `window` w > 0: a token sees itself and the w - 1 before it.
torch::Tensor packed_attention(const torch::Tensor& q, const torch::Tensor& k, const torch::Tensor& v,
                               const std::vector<std::int64_t>& offsets, std::int64_t window, double dropout);

/// Attention of the last n of L tokens to all of them: q [n, H, D], k and v [L, Hkv, D].
torch::Tensor cached_attention(const torch::Tensor& q, const torch::Tensor& k, const torch::Tensor& v,
                               std::int64_t window);

/// Attention of one token of each of n sequences: q [n, H, D], k and v [n, L, Hkv, D], result [n, H, D]. Where `seen`,
/// bool [n, L], is false the keys and values only have to be finite; without it
/// all are seen.
torch::Tensor batched_attention(const torch::Tensor& q, const torch::Tensor& k, const torch::Tensor& v,
                                const std::optional<torch::Tensor>& seen);

}  // namespace lmf::model
