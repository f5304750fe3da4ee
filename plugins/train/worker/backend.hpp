#pragma once

#include <chrono>

#include <torch/csrc/distributed/c10d/ProcessGroup.hpp>

#include "train/worker/world.hpp"

namespace lmf::train {

/// Collectives for tensors in main memory: c10d's gloo. Connects all ranks with one another through `store`, on the
/// interface named by GLOO_SOCKET_IFNAME, else on the one that leads to the store.
c10::intrusive_ptr<c10d::Backend> gloo_backend(const c10::intrusive_ptr<c10d::Store>& store, const World& world,
                                               std::chrono::milliseconds timeout);

/// Collectives for tensors on a GPU: c10d's NCCL. Throws Error in a build whose libtorch has no CUDA.
c10::intrusive_ptr<c10d::Backend> nccl_backend(const c10::intrusive_ptr<c10d::Store>& store, const World& world,
                                               std::chrono::milliseconds timeout);

}  // namespace lmf::train
