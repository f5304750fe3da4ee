#pragma once

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

}  // namespace lmf::model
