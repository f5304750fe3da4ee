#include "train/worker/adamw.hpp"

#include <map>

#include <torch/utils.h>
#include <fmt/format.h>

#include "lmf/error.hpp"

namespace lmf::train {

bool decays(const std::string& name) {
  std::string lower = name;
  for (char& c : lower) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  for (const char* part : {"bias", "layernorm", "rmsnorm"}) {
    if (lower.find(part) != std::string::npos) return false;
  }
  // A component named "norm" or ending in "_norm": "model.norm.weight", "self_attn.q_norm.weight".
  std::size_t begin = 0;
  while (begin <= lower.size()) {
    const std::size_t end = std::min(lower.find('.', begin), lower.size());
    const std::string_view component(lower.data() + begin, end - begin);
    if (component == "norm" || component.ends_with("_norm")) return false;
    begin = end + 1;
  }
  return true;
}

AdamW::AdamW(const NamedTensors& parameters, const AdamWOptions& options)
    : options_(options), groups_{{options.weight_decay, {}}, {0.0, {}}} {
  for (const auto& [name, parameter] : parameters) {
    groups_[decays(name) ? 0 : 1].members.push_back(parameters_.size());
    names_.push_back(name);
    parameters_.push_back(parameter);
    first_moments_.push_back(torch::zeros_like(parameter, torch::kFloat32));
    second_moments_.push_back(torch::zeros_like(parameter, torch::kFloat32));
  }
  const auto device = parameters.empty() ? torch::Device(torch::kCPU) : parameters[0].second.device();
  steps_ = torch::zeros({static_cast<std::int64_t>(parameters.size())}, torch::dtype(torch::kFloat32).device(device));
}

void AdamW::step(double learning_rate, double gradient_divisor) {
  torch::NoGradGuard no_grad;
  for (const Group& group : groups_) step_group(group, learning_rate, gradient_divisor);
}

void AdamW::step_group(const Group& group, double learning_rate, double gradient_divisor) {
  std::vector<torch::Tensor> parameters, gradients, first, second, steps;
  for (std::size_t i : group.members) {
    if (!parameters_[i].grad().defined()) continue;
    parameters.push_back(parameters_[i]);
    gradients.push_back(parameters_[i].grad());
    first.push_back(first_moments_[i]);
    second.push_back(second_moments_[i]);
    steps.push_back(steps_[static_cast<std::int64_t>(i)]);
  }
  if (parameters.empty()) return;
  at::_foreach_add_(steps, 1);
  std::optional<torch::Tensor> divisor;
  if (gradient_divisor != 1.0) divisor = torch::full({}, gradient_divisor, steps_.options());
  at::_fused_adamw_(parameters, gradients, first, second, {}, steps, learning_rate, options_.beta1, options_.beta2,
                    group.weight_decay, options_.epsilon, /*amsgrad=*/false, /*maximize=*/false, divisor);
}

NamedTensors AdamW::state() const {
  NamedTensors state;
  for (std::size_t i = 0; i < names_.size(); ++i) {
    state.emplace_back("exp_avg." + names_[i], first_moments_[i]);
    state.emplace_back("exp_avg_sq." + names_[i], second_moments_[i]);
  }
  state.emplace_back("step", steps_);
  return state;
}

void AdamW::restore(const NamedTensors& state) {
  torch::NoGradGuard no_grad;
  const std::map<std::string, torch::Tensor> saved(state.begin(), state.end());
  const NamedTensors own = this->state();
  const std::map<std::string, torch::Tensor> wanted(own.begin(), own.end());
  for (const auto& [name, tensor] : saved) {
    if (!wanted.contains(name))
      throw Error(fmt::format("the optimiser's saved state has {}, which this run does not train", name));
  }
  for (const auto& [name, tensor] : own) {
    const auto found = saved.find(name);
    if (found == saved.end()) throw Error(fmt::format("the optimiser's saved state has no {}", name));
    if (found->second.sizes() != tensor.sizes()) {
      throw Error(fmt::format("the optimiser's saved {} has {} values, this run's has {}", name, found->second.numel(),
                              tensor.numel()));
    }
    tensor.copy_(found->second);
  }
}

}  // namespace lmf::train
