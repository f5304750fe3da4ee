#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace lmf::model {

/// A tensor as a safetensors file is to have it.
struct WrittenTensor {
  std::string name, dtype;  ///< the format's name, "F32"
  std::vector<std::int64_t> shape;
  std::uint64_t bytes = 0;
};

/// What stands before the bytes of these tensors, which follow one another in this order.
std::string written_header(const std::vector<WrittenTensor>& tensors);

}  // namespace lmf::model
