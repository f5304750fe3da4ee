#pragma once

#include <torch/types.h>

#include "quantize/gptq.hpp"

namespace lmf::exporter {

/// A linear in the GPTQ checkpoint format, version 1: codes of consecutive inputs, and of consecutive outputs' zeros,
/// stand in one int32 with the first in its lowest bits, and each zero is stored less 1.
struct PackedWeight {
  torch::Tensor qweight;  ///< int32 [in · bits / 32, out]
  torch::Tensor qzeros;   ///< int32 [groups, out · bits / 32]
  torch::Tensor scales;   ///< float16 [groups, out]
  torch::Tensor g_idx;    ///< int32 [in]: the group of each input
};

PackedWeight pack(const QuantizedWeight& weight, const Rounding& rounding);
/// The other way, from the bytes alone.
QuantizedWeight unpack(const PackedWeight& packed, const Rounding& rounding);

}  // namespace lmf::exporter
