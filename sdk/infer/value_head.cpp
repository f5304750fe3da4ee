#include "infer/value_head.hpp"

#include <numeric>

#include <fmt/format.h>
#include <torch/types.h>

#include "base/log.hpp"
#include "lmf/error.hpp"
#include "model/safetensors.hpp"

namespace lmf::infer {

std::optional<ValueHead> ValueHead::find(const std::filesystem::path& directory) {
  const auto file = directory / "value_head.safetensors";
  std::error_code failed;
  if (!std::filesystem::exists(file, failed)) {
    if (std::filesystem::exists(directory / "value_head.bin", failed))
      log::warn("{} is a pickle, which lmf does not read: without value_head.safetensors there are no scores",
                (directory / "value_head.bin").string());
    return std::nullopt;
  }
  const auto weights = model::Weights::open_file(file);
  const torch::Tensor weight = weights.tensor("v_head.summary.weight").to(torch::kFloat32).flatten().contiguous();
  ValueHead head;
  head.weight.assign(weight.data_ptr<float>(), weight.data_ptr<float>() + weight.numel());
  if (weights.files().find("v_head.summary.bias"))
    head.bias = weights.tensor("v_head.summary.bias", {1}).to(torch::kFloat32).item<float>();
  return head;
}

float ValueHead::score(std::span<const float> state) const {
  if (state.size() != weight.size())
    throw Error(
        fmt::format("the value head takes {} numbers, the model's hidden states have {}", weight.size(), state.size()),
        "value_head.safetensors belongs to another model");
  return static_cast<float>(std::inner_product(state.begin(), state.end(), weight.begin(), double{bias}));
}

}  // namespace lmf::infer
