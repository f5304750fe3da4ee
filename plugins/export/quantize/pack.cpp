#include "quantize/pack.hpp"

#include <torch/utils.h>

namespace lmf::exporter {
namespace {

using torch::Tensor;

/// 32 / bits rows of [n, m] become one: int32 [n · bits / 32, m].
Tensor packed_rows(const Tensor& codes, std::int64_t bits) {
  const std::int64_t count = 32 / bits;
  const Tensor parts = codes.to(torch::kInt64).view({codes.size(0) / count, count, codes.size(1)});
  Tensor sum = torch::zeros({parts.size(0), parts.size(2)}, torch::kInt64);
  for (std::int64_t i = 0; i < count; ++i) sum += parts.select(1, i) * (std::int64_t{1} << (bits * i));
  // As the 32 bits they are: what is above the largest int32 is negative.
  constexpr std::int64_t kSigned = std::int64_t{1} << 31;
  return torch::where(sum >= kSigned, sum - 2 * kSigned, sum).to(torch::kInt32);
}

Tensor unpacked_rows(const Tensor& packed, std::int64_t bits) {
  const Tensor words = packed.to(torch::kInt64);
  std::vector<Tensor> parts;
  for (std::int64_t i = 0; i < 32 / bits; ++i)
    parts.push_back(torch::bitwise_and(torch::bitwise_right_shift(words, bits * i), (std::int64_t{1} << bits) - 1));
  return torch::stack(parts, 1).flatten(0, 1);
}

}  // namespace

PackedWeight pack(const QuantizedWeight& weight, const Rounding& rounding) {
  const std::int64_t out = weight.codes.size(0), in = weight.codes.size(1);
  PackedWeight packed;
  packed.qweight = packed_rows(weight.codes.t().contiguous(), rounding.bits).contiguous();
  const Tensor zeros = torch::full({out, weight.scales.size(0)}, rounding.zero() - 1, torch::kInt64);
  packed.qzeros = packed_rows(zeros, rounding.bits).t().contiguous();
  packed.scales = weight.scales.contiguous();
  packed.g_idx = torch::floor_divide(torch::arange(in, torch::kInt64), rounding.columns_of(in)).to(torch::kInt32);
  return packed;
}

QuantizedWeight unpack(const PackedWeight& packed, const Rounding& rounding) {
  return {unpacked_rows(packed.qweight, rounding.bits).t().to(torch::kUInt8).contiguous(), packed.scales};
}

}  // namespace lmf::exporter
