#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include <torch/types.h>

namespace lmf::train {

using NamedTensors = std::vector<std::pair<std::string, torch::Tensor>>;

struct AdamWOptions {
  double beta1 = 0.9, beta2 = 0.999;
  double epsilon = 1e-8;
  double weight_decay = 0.0;  ///< decoupled; biases and norms are spared, see decays()
};

/// Whether weight decay applies to a parameter of this name: not to biases and norms (the rule of transformers'
/// Trainer).
bool decays(const std::string& name);

/// Adam with decoupled weight decay (Loshchilov and Hutter 2019, arXiv:1711.05101, algorithm 2), torch.optim.AdamW's
/// order of operations: one fused pass over all parameters of a group. Moments are fp32, shaped as their parameter.
class AdamW {
 public:
  AdamW(const NamedTensors& parameters, const AdamWOptions& options);

  /// One update from the gradients the parameters hold; a parameter without one is left alone. Gradients are divided by
  /// `gradient_divisor` on the way, which spares clipping a pass of its own.
  void step(double learning_rate, double gradient_divisor = 1.0);

  /// "exp_avg.NAME", "exp_avg_sq.NAME" of each parameter, and "step" [parameters].
  NamedTensors state() const;
  /// Copies such a state in. Throws Error naming what is missing, shaped differently or left over.
  void restore(const NamedTensors& state);

 private:
  struct Group {
    double weight_decay;
    std::vector<std::size_t> members;  // indices into the vectors below
  };
  void step_group(const Group& group, double learning_rate, double gradient_divisor);

  AdamWOptions options_;
  std::vector<Group> groups_;
  std::vector<std::string> names_;
  std::vector<torch::Tensor> parameters_, first_moments_, second_moments_;
  torch::Tensor steps_;  // fp32 [parameters]: updates each has seen
};

}  // namespace lmf::train
