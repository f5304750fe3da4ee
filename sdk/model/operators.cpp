#include "model/operators.hpp"

#include <mutex>
#include <utility>

#include <torch/autograd.h>
#include <torch/utils.h>

namespace lmf::model {
namespace {

using torch::Tensor;
using Body = std::function<Tensor(const Tensor&)>;

/// The random generator that dropout on `device` draws from.
at::Generator generator_of(torch::Device device) { return at::globalContext().defaultGenerator(device); }

Tensor random_state(torch::Device device) {
  at::Generator generator = generator_of(device);
  const std::scoped_lock lock(generator.mutex());
  return generator.get_state();
}

/// Puts the generator back to `state` while it lives.
class RandomStateGuard {
 public:
  RandomStateGuard(torch::Device device, const Tensor& state) : device_(device), kept_(random_state(device)) {
    set(state);
  }
  ~RandomStateGuard() { set(kept_); }
  RandomStateGuard(const RandomStateGuard&) = delete;
  RandomStateGuard& operator=(const RandomStateGuard&) = delete;

 private:
  void set(const Tensor& state) {
    at::Generator generator = generator_of(device_);
    const std::scoped_lock lock(generator.mutex());
    generator.set_state(state);
  }
  torch::Device device_;
  Tensor kept_;
};

/// A std::function inside autograd's saved values.
struct BodyHolder : torch::CustomClassHolder {
  explicit BodyHolder(Body b) : body(std::move(b)) {}
  Body body;
};

struct Recomputed : torch::autograd::Function<Recomputed> {
  static Tensor forward(torch::autograd::AutogradContext* context, const Tensor& x, at::TensorList parameters,
                        const c10::intrusive_ptr<BodyHolder>& holder) {
    // Nothing is saved but the inputs: parameters are inputs so that autograd knows this node's gradients reach them.
    torch::autograd::variable_list saved{x, random_state(x.device())};
    saved.insert(saved.end(), parameters.begin(), parameters.end());
    context->save_for_backward(std::move(saved));
    context->saved_data["body"] = c10::IValue::make_capsule(holder);
    return holder->body(x);
  }

  static torch::autograd::variable_list backward(torch::autograd::AutogradContext* context,
                                                 torch::autograd::variable_list gradients) {
    const auto saved = context->get_saved_variables();
    const auto holder = c10::static_intrusive_pointer_cast<BodyHolder>(context->saved_data["body"].toCapsule());
    const Tensor x = saved[0].detach().set_requires_grad(true);
    torch::autograd::variable_list inputs{x};
    inputs.insert(inputs.end(), saved.begin() + 2, saved.end());
    Tensor y;
    {
      const RandomStateGuard guard(x.device(), saved[1]);
      const torch::AutoGradMode with_gradients(true);
      y = holder->body(x);
    }
    auto result = torch::autograd::grad({y}, inputs, {gradients[0]}, /*retain_graph=*/false, /*create_graph=*/false,
                                        /*allow_unused=*/true);
    result.emplace_back();  // the body has no gradient
    return result;
  }
};

}  // namespace

Tensor rms_norm(const Tensor& x, const Tensor& weight, double epsilon) {
  const Tensor wide = x.to(torch::kFloat32);
  const Tensor normed = wide * torch::rsqrt(wide.pow(2).mean(-1, /*keepdim=*/true) + epsilon);
  return weight * normed.to(x.scalar_type());
}

Tensor swiglu(const Tensor& gate, const Tensor& up) { return torch::silu(gate) * up; }

Tensor rotate(const Tensor& x, const Tensor& cos, const Tensor& sin) {
  const auto halves = x.chunk(2, -1);
  return torch::cat({halves[0] * cos - halves[1] * sin, halves[1] * cos + halves[0] * sin}, -1);
}

Tensor recomputed(const Body& body, const Tensor& x, const std::vector<Tensor>& parameters) {
  return Recomputed::apply(x, at::TensorList(parameters), c10::make_intrusive<BodyHolder>(body));
}

}  // namespace lmf::model
