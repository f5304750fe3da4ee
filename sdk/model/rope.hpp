#pragma once

#include <cstdint>

#include <torch/types.h>

#include "model/decoder_spec.hpp"

namespace lmf::model {

/// Angular frequency of each pair of a head's channels, float32 [head_dim / 2]. `length`: the longest position in use
/// plus one, which decides the dynamic kind.
torch::Tensor rope_frequencies(const DecoderSpec& spec, std::int64_t length);
/// What cosine and sine are multiplied with (yarn's attention factor; 1 for the others).
double rope_scale(const Rope& rope);

/// cos and sin of every token's angles, [T, 1, head_dim / 2] in `dtype` (angles in float32).
struct RotaryTable {
  torch::Tensor cos, sin;
};
RotaryTable rotary_table(const DecoderSpec& spec, const torch::Tensor& positions, std::int64_t length,
                         torch::Dtype dtype);

}  // namespace lmf::model
