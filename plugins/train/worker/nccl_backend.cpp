// The one file that sees NCCL; without it GPUs are trained on one at a time.
#include "train/worker/backend.hpp"

#include "lmf/error.hpp"

#ifdef LMF_NCCL
#include <torch/csrc/distributed/c10d/ProcessGroupNCCL.hpp>
#endif

namespace lmf::train {

c10::intrusive_ptr<c10d::Backend> nccl_backend(const c10::intrusive_ptr<c10d::Store>& store, const World& world,
                                               std::chrono::milliseconds timeout) {
#ifdef LMF_NCCL
  const auto options = c10d::ProcessGroupNCCL::Options::create();
  options->timeout = timeout;
  return c10::make_intrusive<c10d::ProcessGroupNCCL>(store, world.rank, world.size, options);
#else
  (void)store;
  (void)world;
  (void)timeout;
  throw Error("several processes on GPUs need a libtorch that was built with CUDA and NCCL, and this one was not",
              "set use_cpu: true, or train on one GPU");
#endif
}

}  // namespace lmf::train
