#pragma once

#include <torch/types.h>

#include "model/decoder.hpp"

namespace lmf::model {

/// One layer of Decoder::hidden(), for who runs a decoder of which only some layers are in memory: x [T, C] to [T, C].
torch::Tensor layer_forward(const Layer& layer, const DecoderSpec& spec, const torch::Tensor& x,
                            const PackedTokens& tokens);

}  // namespace lmf::model
