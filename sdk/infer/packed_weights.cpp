#include "infer/packed_weights.hpp"

#include <torch/utils.h>

namespace lmf::infer {
namespace {

using torch::Tensor;

PackedWeights describe(WeightFormat format, Tensor values, Tensor scales, std::int64_t rows, std::int64_t columns) {
  PackedWeights packed{std::move(values), std::move(scales), {}};
  packed.matrix = {format, packed.values.data_ptr(),
                   packed.scales.defined() ? packed.scales.data_ptr<float>() : nullptr, rows, columns};
  return packed;
}

/// Rounded to the nearest, and zeros stay zeros where a scale is 0.
Tensor divided(const Tensor& values, const Tensor& scales) {
  return torch::where(scales == 0, torch::zeros_like(values), values / scales).round();
}

PackedWeights pack_int8(const Tensor& weight) {
  const Tensor wide = weight.to(torch::kFloat32);
  const Tensor scales = wide.abs().amax(1, /*keepdim=*/true) / 127.0;
  return describe(WeightFormat::int8, divided(wide, scales).clamp(-127, 127).to(torch::kInt8), scales.contiguous(),
                  weight.size(0), weight.size(1));
}

PackedWeights pack_int4(const Tensor& weight) {
  const std::int64_t rows = weight.size(0), columns = weight.size(1);
  const Tensor groups = weight.to(torch::kFloat32).reshape({rows, columns / kInt4Group, kInt4Group});
  const Tensor largest = groups.gather(2, groups.abs().argmax(2, /*keepdim=*/true));
  const Tensor scales = largest / -8.0;  // signed: one end of the range is used whole
  const Tensor q = (divided(groups, scales) + 8.0).clamp(0, 15).to(torch::kInt32);
  const Tensor low = q.narrow(2, 0, kInt4Group / 2), high = q.narrow(2, kInt4Group / 2, kInt4Group / 2);
  return describe(WeightFormat::int4, (low | (high * 16)).to(torch::kUInt8).contiguous(), scales.contiguous(), rows,
                  columns);
}

}  // namespace

PackedWeights PackedWeights::pack(const Tensor& weight, WeightFormat format) {
  const torch::NoGradGuard no_gradients;
  switch (format) {
    case WeightFormat::int4:
      if (weight.size(1) % kInt4Group == 0) return pack_int4(weight);
      [[fallthrough]];
    case WeightFormat::int8:
      return pack_int8(weight);
    case WeightFormat::bf16:
      return describe(format, weight.to(torch::kBFloat16).contiguous(), {}, weight.size(0), weight.size(1));
    case WeightFormat::fp32:
      break;
  }
  return describe(WeightFormat::fp32, weight.to(torch::kFloat32).contiguous(), {}, weight.size(0), weight.size(1));
}

std::string format_name(WeightFormat format) {
  switch (format) {
    case WeightFormat::bf16:
      return "bf16";
    case WeightFormat::int8:
      return "int8";
    case WeightFormat::int4:
      return "int4";
    case WeightFormat::fp32:
      break;
  }
  return "fp32";
}

}  // namespace lmf::infer
