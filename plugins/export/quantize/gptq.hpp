#pragma once

#include <cstdint>

#include <torch/types.h>

namespace lmf::exporter {

/// How weights are rounded: symmetric, each row of a group with one scale.
struct Rounding {
  std::int64_t bits = 4;
  std::int64_t group = 128;  ///< columns with one scale; -1: the whole row
  double dampening = 0.01;   ///< of the Hessian's mean diagonal, added to the diagonal

  std::int64_t columns_of(std::int64_t width) const { return group < 0 ? width : group; }
  std::int64_t zero() const { return std::int64_t{1} << (bits - 1); }  ///< the code of 0
  std::int64_t largest() const { return (std::int64_t{1} << bits) - 1; }
};

/// W as codes; weight = scale · (code - zero).
struct QuantizedWeight {
  torch::Tensor codes;   ///< uint8 [out, in]
  torch::Tensor scales;  ///< float16 [groups, out]
  /// What a reader computes with, float32 [out, in].
  torch::Tensor dequantized(const Rounding& rounding) const;
};

/// 2 XᵀX of a linear's inputs, summed up some rows at a time and divided by their number.
class Hessian {
 public:
  void add(const torch::Tensor& x);  ///< float32 [T, in]
  torch::Tensor mean() const;        ///< [in, in]

 private:
  torch::Tensor sum_;  // undefined before the first
  std::int64_t rows_ = 0;
};

/// The upper Cholesky factor of the dampened Hessian's inverse: what each column's error means for those after it.
/// A column whose input was always 0 changes nothing, and gets a curvature of 1. Throws Error when the activations are
/// not finite.
torch::Tensor inverse_factor(const torch::Tensor& hessian, double dampening);

/// GPTQ (Frantar et al. 2022, arXiv:2210.17323): columns from left to right, what each one's rounding changes made up
/// for by those that are not rounded yet. weight float32 [out, in]; factor from inverse_factor().
QuantizedWeight quantize_gptq(const torch::Tensor& weight, const torch::Tensor& factor, const Rounding& rounding);
/// Each weight to the nearest code, which knows nothing of the inputs.
QuantizedWeight quantize_nearest(const torch::Tensor& weight, const Rounding& rounding);

/// ‖(W - Q) X‖ / ‖W X‖ over the inputs of which `hessian` is the mean.
double output_error(const torch::Tensor& weight, const torch::Tensor& rounded, const torch::Tensor& hessian);

}  // namespace lmf::exporter
