#include "infer/packed_weights.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>

#include <ATen/Parallel.h>
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

Tensor placed(const Tensor& tensor, torch::Dtype dtype, WeightMemory& memory) {
  if (tensor.scalar_type() == dtype && tensor.is_contiguous()) return tensor;
  return memory.make(tensor.sizes(), dtype).copy_(tensor);
}

/// To the nearest whole number from low to high, the even one of two. In this form every compiler computes several at
/// once, and what is not a number becomes one.
float rounded(float x, float low, float high) {
  constexpr float kShift = 3 << 22;
  return std::min(high, std::max(low, (x + kShift) - kShift));
}

/// Not a number where one of them is none: rounding would hide it. As whole numbers magnitudes have the same order, and
/// what is not a number is the largest.
float largest_magnitude(const float* w, std::int64_t count) {
  std::uint32_t largest = 0;
  for (std::int64_t c = 0; c < count; ++c) largest = std::max(largest, std::bit_cast<std::uint32_t>(w[c]) & 0x7fffffff);
  return std::bit_cast<float>(largest);
}

/// Zero where a scale is too small to have one.
float inverse(float scale) { return std::isnormal(scale) ? 1.0f / scale : 0.0f; }

/// quantise(row) for all rows, shared by libtorch's threads.
template <class Quantise>
void for_rows(std::int64_t rows, const Quantise& quantise) {
  at::parallel_for(0, rows, 16, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t row = begin; row < end; ++row) quantise(row);
  });
}

PackedWeights pack_int8(const Tensor& weight, WeightMemory& memory) {
  const std::int64_t rows = weight.size(0), columns = weight.size(1);
  const Tensor wide = weight.to(torch::kFloat32).contiguous();
  const Tensor values = memory.make({rows, columns}, torch::kInt8), scales = torch::empty({rows, 1});
  for_rows(rows, [&, from = wide.data_ptr<float>(), to = values.data_ptr<std::int8_t>(),
                  of_row = scales.data_ptr<float>()](std::int64_t row) {
    const float* w = from + row * columns;
    of_row[row] = largest_magnitude(w, columns) / 127;
    const float factor = inverse(of_row[row]);
    for (std::int64_t c = 0; c < columns; ++c)
      to[row * columns + c] = static_cast<std::int8_t>(rounded(w[c] * factor, -127, 127));
  });
  return describe(WeightFormat::int8, values, scales, rows, columns);
}

/// Of a group, signed: one end of the range is used whole.
float nearest_scale(const float* w) {
  const float largest = largest_magnitude(w, kInt4Group);
  const float* first = std::find_if(w, w + kInt4Group, [&](float x) { return std::abs(x) == largest; });
  return (first == w + kInt4Group ? largest : *first) / -8;  // what is not a number equals nothing
}

/// With which each value of the group is a whole number from -8 to 7, nothing else; none: NaN.
float exact_scale(const float* w) {
  const float largest = -8 * nearest_scale(w);
  for (const float code : {-8, -7, -6, -5, -4, -3, -2, -1, 7, 6, 5, 4, 3, 2, 1}) {
    const float scale = largest / code, factor = inverse(scale);
    if (std::all_of(w, w + kInt4Group, [&](float x) { return rounded(x * factor, -8, 7) * scale == x; })) return scale;
  }
  return std::numeric_limits<float>::quiet_NaN();
}

/// float32 [rows, groups, 1], of `weight` float32 [rows, columns].
Tensor group_scales(const Tensor& weight, float (*scale_of)(const float*)) {
  const std::int64_t rows = weight.size(0), groups = weight.size(1) / kInt4Group;
  const Tensor scales = torch::empty({rows, groups, 1});
  for_rows(rows * groups, [scale_of, from = weight.data_ptr<float>(), to = scales.data_ptr<float>()](
                              std::int64_t group) { to[group] = scale_of(from + group * kInt4Group); });
  return scales;
}

PackedWeights pack_int4(const Tensor& weight, const Tensor& scales, WeightMemory& memory) {
  const std::int64_t rows = weight.size(0), columns = weight.size(1), groups = columns / kInt4Group;
  const Tensor values = memory.make({rows, groups, kInt4Group / 2}, torch::kUInt8);
  for_rows(rows * groups, [from = weight.data_ptr<float>(), to = values.data_ptr<std::uint8_t>(),
                           of_group = scales.data_ptr<float>()](std::int64_t group) {
    constexpr std::int64_t kHalf = kInt4Group / 2;
    const float* w = from + group * kInt4Group;
    const float factor = inverse(of_group[group]);
    const auto quantised = [&](std::int64_t c) { return static_cast<std::uint8_t>(rounded(w[c] * factor, -8, 7) + 8); };
    for (std::int64_t c = 0; c < kHalf; ++c)
      to[group * kHalf + c] = static_cast<std::uint8_t>(quantised(c) | quantised(c + kHalf) << 4);
  });
  return describe(WeightFormat::int4, values, scales, rows, columns);
}

}  // namespace

PackedWeights PackedWeights::pack(const Tensor& weight, WeightFormat format, WeightMemory& memory) {
  const torch::NoGradGuard no_gradients;
  switch (format) {
    case WeightFormat::int4:
      if (weight.size(1) % kInt4Group == 0) {
        const Tensor wide = weight.to(torch::kFloat32).contiguous();
        return pack_int4(wide, group_scales(wide, nearest_scale), memory);
      }
      [[fallthrough]];
    case WeightFormat::int8:
      return pack_int8(weight, memory);
    case WeightFormat::bf16:
      return describe(format, placed(weight, torch::kBFloat16, memory), {}, weight.size(0), weight.size(1));
    case WeightFormat::fp32:
      break;
  }
  return describe(WeightFormat::fp32, placed(weight, torch::kFloat32, memory), {}, weight.size(0), weight.size(1));
}

std::optional<PackedWeights> PackedWeights::pack_exactly(const Tensor& weight, WeightMemory& memory) {
  const torch::NoGradGuard no_gradients;
  if (weight.size(1) % kInt4Group != 0) return std::nullopt;
  const Tensor wide = weight.to(torch::kFloat32).contiguous(), scales = group_scales(wide, exact_scale);
  if (scales.isnan().any().item<bool>()) return std::nullopt;
  return pack_int4(wide, scales, memory);
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
