#pragma once

#include <optional>
#include <string>
#include <string_view>

#include <torch/types.h>

/// The types weights may have, and their names in config.json.
namespace lmf::model {

/// "float32", "float16", "bfloat16"; another type by libtorch's own word, for messages.
std::string dtype_name(torch::Dtype dtype);
/// The type of one of these names; none for another.
std::optional<torch::Dtype> weight_dtype(std::string_view name);

}  // namespace lmf::model
