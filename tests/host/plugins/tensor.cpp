// Links libtorch itself: its thread pools and its autograd engine have run, and threads of its own still do, when it
// returns a status. libtorch's exit handlers must leave that status alone.
#include <cstdio>
#include <cstdlib>
#include <thread>

#include <ATen/Parallel.h>
#include <torch/types.h>
#include <unistd.h>

#include "lmf/plugin.hpp"

namespace {

int tensor(const lmf::Invocation& call) {
  at::set_num_threads(2);
  const torch::Tensor weights = torch::ones({64, 64}, torch::requires_grad());
  torch::matmul(weights, weights).sum().backward();
  at::parallel_for(0, 64, 1, [](std::int64_t, std::int64_t) {});
  for (int i = 0; i < 2; ++i)
    std::thread([weights] {
      const torch::NoGradGuard no_grad;
      for (;;) torch::matmul(weights, weights);
    }).detach();
  std::printf("%.0f\n", weights.grad().sum().item<double>());
  return call.arguments.empty() ? 0 : std::atoi(call.arguments[0]);
}

}  // namespace

LMF_PLUGIN(tensor)
