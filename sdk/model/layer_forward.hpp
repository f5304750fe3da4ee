#pragma once

#include <span>

#include <torch/types.h>

#include "model/decoder.hpp"

namespace lmf::model {

/// One layer of Decoder::hidden(), for who runs a decoder of which only some layers are in memory: x [T, C] to [T, C].
torch::Tensor layer_forward(const Layer& layer, const DecoderSpec& spec, const torch::Tensor& x,
                            const PackedTokens& tokens);

/// Where a layer's linears take their input from, in the order of computing: q, k and v; o; gate and up; down.
enum class LinearInput { attention, output, mlp, down };
/// What those linears of the layer are applied to, [T, in], when it gets x [T, C].
torch::Tensor linear_input(const Layer& layer, const DecoderSpec& spec, const torch::Tensor& x,
                           const PackedTokens& tokens, LinearInput which);

/// The next `count` tokens of a sequence whose earlier ones are in `cache`, where theirs are put as well.
struct CachedTokens {
  std::int64_t count;
  KeyValueCache* cache;
};
/// Decoder::hidden_cached() for several sequences at once, each with a cache of its own: `ids` are the sequences' one
/// after the other, [n] in all, and so are the hidden states, [n, C]. All but attention is computed for all together.
torch::Tensor hidden_cached(const Decoder& decoder, const torch::Tensor& ids, std::span<const CachedTokens> sequences);

}  // namespace lmf::model
