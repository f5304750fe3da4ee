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

/// Keys and values of several sequences in memory that stays where it is, each sequence in a slot of its own.
struct SlottedCache {
  /// Finite everywhere from the beginning: batched attention multiplies what it does not see by 0.
  SlottedCache(const DecoderSpec& spec, std::int64_t slots, std::int64_t positions, torch::Dtype dtype,
               torch::Device device);
  std::int64_t positions() const { return keys.front().size(1); }
  /// The first `length` positions of one slot as a cache; it shares the memory.
  KeyValueCache slot(std::int64_t index, std::int64_t length) const;
  std::vector<torch::Tensor> keys, values;  ///< [layers] of [slots, positions, key_value_heads, D]
};
/// One more token of each of n sequences.
struct BatchedTokens {
  torch::Tensor ids, positions;  ///< int64 [n]; row i is the sequence in slot i
  torch::Tensor cos, sin;        ///< of the positions' angles, [n, 1, D / 2] in the decoder's dtype
};
/// Hidden states behind the final norm, [n, C]; the tokens' keys and values are put into the cache. Attention looks at
/// the first `length` positions of the slots, of which each row sees its own and those before it. Reads nothing back
/// from the device, and does the same whatever the tensors hold: a GPU can record it as a graph.
torch::Tensor hidden_batched(const Decoder& decoder, const BatchedTokens& tokens, SlottedCache& cache,
                             std::int64_t length);

}  // namespace lmf::model
