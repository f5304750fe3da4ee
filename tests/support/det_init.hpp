#pragma once

#include <cmath>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <torch/utils.h>
#include <torch/types.h>

#include "model/adapter.hpp"
#include "model/adapter_config.hpp"
#include "model/decoder.hpp"

namespace lmf::test {

/// The test models' weights, a function of a tensor's name alone, so that no checkpoint needs shipping: element i is
/// base + (2u - 1) · amplitude, with u from the upper 24 bits of splitmix64(fnv1a64(name) + i). Uniform with deviation
/// 0.02.
inline torch::Tensor det_tensor(std::string_view name, const std::vector<std::int64_t>& shape, double base,
                                double amplitude) {
  std::uint64_t hash = 0xcbf29ce484222325;
  for (const unsigned char c : name) hash = (hash ^ c) * 0x100000001b3;
  torch::Tensor result = torch::empty(shape);
  float* out = result.data_ptr<float>();
  for (std::int64_t i = 0; i < result.numel(); ++i) {
    std::uint64_t z = hash + static_cast<std::uint64_t>(i) + 0x9E3779B97F4A7C15;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
    z = z ^ (z >> 31);
    const double u = std::ldexp(static_cast<double>(z >> 40), -24);
    out[i] = static_cast<float>(base + (2.0 * u - 1.0) * amplitude);
  }
  return result;
}

/// Fills every parameter of `decoder`.
inline void det_init(model::Decoder& decoder, double deviation = 0.02) {
  for (auto& [name, place] : decoder.slots())
    *place = det_tensor(name, place->sizes().vec(), name.find("norm") != std::string::npos ? 1.0 : 0.0,
                        deviation * std::sqrt(3.0));
  decoder.retie();
}

/// Gives an attached adapter's A the values of their names, uniform within 1/√in; B are zero.
inline void det_init_adapter(model::Decoder& decoder, const model::LoraConfig& config) {
  const torch::NoGradGuard no_grad;
  for (auto& [name, tensor] : model::adapter_parameters(decoder, config)) {
    if (name.find("lora_A") == std::string::npos) continue;
    const std::string plain = name.substr(std::string_view(model::kAdapterPrefix).size());
    tensor.copy_(det_tensor(plain, tensor.sizes().vec(), 0.0, std::pow(static_cast<double>(tensor.size(1)), -0.5)));
  }
}

}  // namespace lmf::test
