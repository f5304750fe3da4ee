#include "train/worker/gradients.hpp"

#include <torch/utils.h>
#include <fmt/format.h>

#include "model/dtype.hpp"

namespace lmf::train {
namespace {

std::optional<std::string> described_if_non_finite(const std::string& name, const torch::Tensor& tensor) {
  if (!tensor.defined() || torch::isfinite(tensor).all().item<bool>()) return std::nullopt;
  return fmt::format("{} ({})", name, model::dtype_name(tensor.scalar_type()));
}

}  // namespace

double gradient_norm(const NamedTensors& parameters) {
  std::vector<torch::Tensor> gradients;
  for (const auto& [name, parameter] : parameters) {
    if (parameter.grad().defined()) gradients.push_back(parameter.grad());
  }
  if (gradients.empty()) return 0.0;
  torch::NoGradGuard no_grad;
  return torch::stack(at::_foreach_norm(gradients, 2)).norm(2).item<double>();
}

double clipping_divisor(double norm, double limit) {
  if (limit <= 0.0) return 1.0;
  return std::max(1.0, (norm + 1e-6) / limit);  // torch clips by the inverse: min(1, limit / (norm + 1e-6))
}

void clear_gradients(const NamedTensors& parameters) {
  for (const auto& [name, parameter] : parameters) parameter.mutable_grad() = torch::Tensor();
}

std::optional<std::string> first_non_finite_value(const NamedTensors& tensors) {
  for (const auto& [name, tensor] : tensors) {
    if (auto found = described_if_non_finite(name, tensor)) return found;
  }
  return std::nullopt;
}

std::optional<std::string> first_non_finite_gradient(const NamedTensors& parameters) {
  for (const auto& [name, parameter] : parameters) {
    if (auto found = described_if_non_finite(name, parameter.grad())) return found;
  }
  return std::nullopt;
}

}  // namespace lmf::train
