#pragma once

#include <string>
#include <vector>

#include <torch/types.h>

#include "model/gptq_format.hpp"
#include "model/safetensors.hpp"

namespace lmf::model {

/// A linear's weight as a GPTQ checkpoint has it; the tensors are those of GptqFormat, which may lie in the file.
struct GptqWeight {
  torch::Tensor qweight, qzeros, scales;
  torch::Tensor g_idx;          ///< undefined: groups of neighbours, one after the other
  std::int64_t group_size = 0;  ///< of those
  std::int64_t bits = 4;
  bool zeros_less_one = true;

  /// Throws Error naming file and tensor when they do not fit a weight of this shape, or an input is in no group.
  static GptqWeight open(const Weights& weights, const std::string& name, const std::vector<std::int64_t>& shape,
                         const GptqFormat& format);
  /// scale · (code - zero), float32 [out, in]: exact for scales of 16 bits.
  torch::Tensor dequantized() const;
};

}  // namespace lmf::model
