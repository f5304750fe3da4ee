#include "train/worker/chunked_loss.hpp"

#include <algorithm>

#include <torch/autograd.h>

namespace lmf::train {
namespace {

using torch::Tensor;

struct ChunkedCrossEntropy : torch::autograd::Function<ChunkedCrossEntropy> {
  /// hidden [n, C], weight [V, C], targets int64 [n]
  static Tensor forward(torch::autograd::AutogradContext* context, const Tensor& hidden, const Tensor& weight,
                        const Tensor& targets, double divisor, std::int64_t chunk_bytes) {
    const bool hidden_needs = hidden.requires_grad(), weight_needs = weight.requires_grad();
    const std::int64_t n = hidden.size(0), vocabulary = weight.size(0);
    const std::int64_t row_bytes = vocabulary * static_cast<std::int64_t>(hidden.element_size());
    const std::int64_t rows = std::clamp<std::int64_t>(chunk_bytes / row_bytes, 1, std::max<std::int64_t>(n, 1));

    Tensor loss = torch::zeros({}, hidden.options());
    Tensor hidden_gradient = hidden_needs ? torch::empty_like(hidden) : Tensor();
    Tensor weight_gradient = weight_needs ? torch::empty_like(weight) : Tensor();
    Tensor logits = torch::empty({rows, vocabulary}, hidden.options());
    Tensor log_probabilities = torch::empty_like(logits);

    for (std::int64_t begin = 0; begin < n; begin += rows) {
      const std::int64_t count = std::min(rows, n - begin);
      const Tensor x = hidden.narrow(0, begin, count);                     // [count, C]
      const Tensor target = targets.narrow(0, begin, count).unsqueeze(1);  // [count, 1]
      Tensor z = logits.narrow(0, 0, count), p = log_probabilities.narrow(0, 0, count);
      at::mm_out(z, x, weight.t());
      at::_log_softmax_out(p, z, 1, false);
      loss -= p.gather(1, target).sum();
      if (!hidden_needs && !weight_needs) continue;
      // d loss / d logits = softmax - onehot, in z's memory; 1/divisor goes into the products' factor.
      at::exp_out(z, p);
      z.scatter_add_(1, target, torch::full({count, 1}, -1.0, hidden.options()));
      if (hidden_needs) {
        Tensor out = hidden_gradient.narrow(0, begin, count);
        at::mm_out(out, z, weight);
      }
      if (weight_needs)
        at::addmm_out(weight_gradient, weight_gradient, z.t(), x, begin == 0 ? 0.0 : 1.0, 1.0 / divisor);
    }
    if (hidden_needs) hidden_gradient.mul_(1.0 / divisor);
    context->saved_data["hidden"] = hidden_gradient;
    context->saved_data["weight"] = weight_gradient;
    return loss / divisor;
  }

  static torch::autograd::variable_list backward(torch::autograd::AutogradContext* context,
                                                 torch::autograd::variable_list upstream) {
    // The loss is differentiated once, with 1: scaling is for callers that weigh it. Gradients are handed over, not
    // copied: the accumulator takes them as they are.
    const auto scaled = [&](const char* name) {
      Tensor gradient = std::move(context->saved_data[name]).toTensor();
      context->saved_data.erase(name);
      if (gradient.defined() && upstream[0].item<double>() != 1.0) gradient.mul_(upstream[0]);
      return gradient;
    };
    Tensor hidden = scaled("hidden"), weight = scaled("weight");
    return {hidden, weight, Tensor(), Tensor(), Tensor()};
  }
};

}  // namespace

Tensor chunked_cross_entropy(const Tensor& hidden, const model::Linear& head, const Tensor& targets, double divisor,
                             std::int64_t chunk_bytes) {
  if (head.lora_a.defined() || head.bias.defined()) {
    const Tensor logits = head.forward(hidden, /*training=*/true);
    return torch::cross_entropy_loss(logits, targets, /*weight=*/{}, at::Reduction::Sum) / divisor;
  }
  return ChunkedCrossEntropy::apply(hidden, head.weight, targets, divisor, chunk_bytes);
}

}  // namespace lmf::train
