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

}  // namespace

model::GptqWeight pack(const QuantizedWeight& weight, const Rounding& rounding) {
  const std::int64_t out = weight.codes.size(0), in = weight.codes.size(1);
  model::GptqWeight packed;
  packed.bits = rounding.bits;
  packed.group_size = rounding.columns_of(in);
  packed.qweight = packed_rows(weight.codes.t().contiguous(), rounding.bits).contiguous();
  const Tensor zeros = torch::full({out, weight.scales.size(0)}, rounding.zero() - 1, torch::kInt64);
  packed.qzeros = packed_rows(zeros, rounding.bits).t().contiguous();
  packed.scales = weight.scales.contiguous();
  packed.g_idx = torch::floor_divide(torch::arange(in, torch::kInt64), rounding.columns_of(in)).to(torch::kInt32);
  return packed;
}

}  // namespace lmf::exporter
