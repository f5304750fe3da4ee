#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "gguf/file_kind.hpp"

namespace lmf::exporter {

/// What llama.cpp calls a parameter.
struct GgufName {
  std::string name;  ///< "blk.3.ffn_up.bias"; "" for a parameter that it does not know
  TensorRole::Part part = TensorRole::Part::matrix;
  std::int64_t layer = 0;
};
GgufName gguf_name(std::string_view parameter);  ///< "model.layers.3.mlp.up_proj.bias"

}  // namespace lmf::exporter
