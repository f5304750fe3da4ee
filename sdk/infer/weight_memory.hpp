#pragma once

#include <cstddef>
#include <memory>

#include <torch/types.h>

namespace lmf::infer {

/// Memory for the packed weights of a model, all of which are read for each token: on huge pages where the system has
/// them, because finding a page takes about a fifth of the time that reading it does (measured in a virtual machine: 27
/// GB/s become 33). Many matrices are smaller than such a page, so they lie side by side in few big pieces.
class WeightMemory {
 public:
  /// A tensor of this shape and dtype, not initialised; it keeps its piece alive. Throws std::bad_alloc.
  torch::Tensor make(torch::IntArrayRef sizes, torch::Dtype dtype);

 private:
  std::shared_ptr<std::byte> piece_;
  std::size_t used_ = 0, size_ = 0;  // of it
};

}  // namespace lmf::infer
