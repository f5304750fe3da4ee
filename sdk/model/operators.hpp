#pragma once

#include <functional>
#include <vector>

#include <torch/types.h>

namespace lmf::model {

/// Root mean square norm (Zhang & Sennrich 2019, arXiv:1910.07467): x / √(mean(x²) + ε), in float32 whatever x is,
/// rounded to x's dtype, times weight. x [..., C], weight [C].
torch::Tensor rms_norm(const torch::Tensor& x, const torch::Tensor& weight, double epsilon);

/// silu(gate) · up (Shazeer 2020, arXiv:2002.05202).
torch::Tensor swiglu(const torch::Tensor& gate, const torch::Tensor& up);

/// Turns channel i together with i + D/2 of every head. x [T, H, D], cos and sin [T, 1, D/2].
torch::Tensor rotate(const torch::Tensor& x, const torch::Tensor& cos, const torch::Tensor& sin);

/// body(x), of whose inner tensors nothing is kept: backward runs the body again, with the random numbers of the first
/// time. `parameters`: every tensor with a gradient that body reads besides x.
torch::Tensor recomputed(const std::function<torch::Tensor(const torch::Tensor&)>& body, const torch::Tensor& x,
                         const std::vector<torch::Tensor>& parameters);

}  // namespace lmf::model
