#include "model/dtype.hpp"

#include <array>
#include <utility>

namespace lmf::model {
namespace {

constexpr std::array<std::pair<torch::Dtype, std::string_view>, 3> kWeightDtypes = {
    {{torch::kFloat32, "float32"}, {torch::kFloat16, "float16"}, {torch::kBFloat16, "bfloat16"}}};

}  // namespace

std::string dtype_name(torch::Dtype dtype) {
  for (const auto& [known, name] : kWeightDtypes)
    if (known == dtype) return std::string(name);
  return torch::toString(dtype);
}

std::optional<torch::Dtype> weight_dtype(std::string_view name) {
  for (const auto& [dtype, known] : kWeightDtypes)
    if (known == name) return dtype;
  return std::nullopt;
}

}  // namespace lmf::model
