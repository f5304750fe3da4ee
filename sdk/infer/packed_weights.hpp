#pragma once

#include <optional>
#include <string>

#include <torch/types.h>

#include "infer/kernels.hpp"
#include "infer/weight_memory.hpp"

namespace lmf::infer {

/// A matrix of weights in the format it is read in while answering, and the memory it lies in.
struct PackedWeights {
  torch::Tensor values, scales;
  Matrix matrix;  // points into them; rows = 0 when there is none

  /// `weight` [rows, columns] of any floating-point dtype. Nothing is copied where it has the format's dtype already,
  /// otherwise the result lies in `memory`.
  /// int8: a row's largest magnitude becomes 127. int4: a group's value of largest magnitude becomes -8; a matrix whose
  /// columns are no multiple of the group is kept in int8.
  static PackedWeights pack(const torch::Tensor& weight, WeightFormat format, WeightMemory& memory);
  /// int4 where that holds every value as it is, nothing otherwise: symmetric GPTQ of 4 bits, in groups of a multiple
  /// of 32 neighbouring columns, is held so.
  static std::optional<PackedWeights> pack_exactly(const torch::Tensor& weight, WeightMemory& memory);
};

/// "fp32", "bf16", "int8", "int4".
std::string format_name(WeightFormat format);

}  // namespace lmf::infer
