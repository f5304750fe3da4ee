#pragma once

#include <optional>
#include <string>

#include <torch/types.h>

#include "train/worker/adamw.hpp"

namespace lmf::train {

/// Global L2 norm of all gradients, as torch.nn.utils.clip_grad_norm_ computes it (norm of the tensors' norms, fp32).
double gradient_norm(const NamedTensors& parameters);
/// What the gradients are divided by so that their norm is at most `limit`; 1 when they are short enough or `limit` is
/// 0.
double clipping_divisor(double norm, double limit);
/// Forgets all gradients; the next backward hands over fresh ones, which costs neither zeroing nor adding.
void clear_gradients(const NamedTensors& parameters);

/// "model.layers.0.self_attn.q_proj.weight (float32)": the first tensor that holds a NaN or an infinity.
std::optional<std::string> first_non_finite_value(const NamedTensors& tensors);
std::optional<std::string> first_non_finite_gradient(const NamedTensors& parameters);

}  // namespace lmf::train
