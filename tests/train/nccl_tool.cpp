// A worker that adds up over all ranks with NCCL, each on its own GPU: prints "sum S over N ranks". 77 where this build
// or machine has no CUDA, and why.
#include <cstdio>

#include <torch/cuda.h>
#include <torch/csrc/distributed/c10d/PrefixStore.hpp>
#include <torch/csrc/distributed/c10d/TCPStore.hpp>
#include <torch/types.h>

#include "train/worker/backend.hpp"
#include "train/worker/world.hpp"

int main() {
  if (!torch::cuda::is_available()) return std::puts("skipped: libtorch sees no GPU"), 77;
  try {
    const auto world = lmf::train::World::from_environment();
    c10d::TCPStoreOptions options;
    options.port = world.master_port;
    options.isServer = world.leads() && !world.agent_store;
    const auto tcp = c10::make_intrusive<c10d::TCPStore>(world.master_address, options);
    const auto store = c10::make_intrusive<c10d::PrefixStore>("nccl_test/" + world.store_prefix, tcp);
    const auto backend = lmf::train::nccl_backend(store, world, std::chrono::minutes(1));
    std::vector<at::Tensor> values{
        torch::full({1 << 20}, world.rank + 1, torch::device(torch::Device(torch::kCUDA, world.local_rank)))};
    backend->allreduce(values)->wait();
    std::printf("sum %g over %d ranks\n", values[0].mean().item<double>(), world.size);
    return 0;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
  }
}
