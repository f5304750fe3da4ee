#include "quantize/gptq.hpp"

#include <algorithm>
#include <cmath>

#include <ATen/Parallel.h>
#include <torch/utils.h>
#include <c10/util/Half.h>
#include <fmt/format.h>

#include "lmf/error.hpp"

namespace lmf::exporter {
namespace {

using torch::Tensor;

constexpr std::int64_t kBlock = 128;   // columns whose errors reach those after the block in one product
constexpr std::int64_t kOutputs = 64;  // whose part of a block stays in the first cache
constexpr float kLeastScale = 0x1p-24f, kLargestScale = 65504;  // float16's

/// Throws Error unless the weights' scales fit float16.
void require_scales(const Tensor& weight, const Rounding& rounding) {
  const double largest = weight.abs().max().item<double>();
  if (!(2 * largest / double(rounding.largest()) <= double(kLargestScale)))
    throw Error("weights are too large, NaN or infinite: their scale does not fit float16",
                "train or fetch the model again");
}

/// The scale, as it is stored, of weights of which `largest` gets the last code. A row of zeros is 0 with any.
c10::Half scale_for(float largest, const Rounding& rounding) {
  const float scale = 2 * largest / float(rounding.largest());
  return largest == 0 ? 1.0f : std::clamp(scale, kLeastScale, kLargestScale);
}

/// One scale for each row of [out, columns].
Tensor scales_of(const Tensor& group, const Rounding& rounding) {
  const Tensor largest = group.abs().amax(1).contiguous(), scales = torch::empty_like(largest, torch::kFloat16);
  for (std::int64_t o = 0; o < largest.size(0); ++o)
    scales.data_ptr<c10::Half>()[o] = scale_for(largest.data_ptr<float>()[o], rounding);
  return scales;
}

/// Codes as float32. scale has one number for each row, or for each weight.
Tensor codes_of(const Tensor& weight, const Tensor& scale, const Rounding& rounding) {
  return ((weight / scale).round() + double(rounding.zero())).clamp(0, double(rounding.largest()));
}

Tensor value_of(const Tensor& codes, const Tensor& scale, const Rounding& rounding) {
  return (codes - double(rounding.zero())) * scale;
}

/// What quantize_gptq() works on. Columns of W are rows here.
struct Block {
  float* rest;          // [in, out]
  const float* factor;  // [in, in]
  float* errors;        // [block, out]
  std::uint8_t* codes;  // [in, out]
  c10::Half* scales;    // [groups, out]
  std::int64_t in, out, columns;
};

/// scales_of() for one group and some outputs, of the columns as the errors before them have left them.
void choose_scales(const Block& block, const Rounding& rounding, std::int64_t column, std::int64_t first,
                   std::int64_t last) {
  for (std::int64_t o = first; o < last; ++o) {
    float largest = 0;
    for (std::int64_t i = column; i < column + block.columns; ++i)
      largest = std::max(largest, std::abs(block.rest[i * block.out + o]));
    block.scales[column / block.columns * block.out + o] = scale_for(largest, rounding);
  }
}

/// Columns [begin, end) of outputs [first, last), at most kOutputs: codes, and the errors for the columns after them.
void round_columns(const Block& block, const Rounding& rounding, std::int64_t begin, std::int64_t end,
                   std::int64_t first, std::int64_t last) {
  const auto zero = float(rounding.zero()), most = float(rounding.largest());
  for (std::int64_t i = begin; i < end; ++i) {
    if (block.columns <= kBlock && i % block.columns == 0) choose_scales(block, rounding, i, first, last);
    const c10::Half* scales = block.scales + i / block.columns * block.out;
    float* column = block.rest + i * block.out;
    float* errors = block.errors + (i - begin) * block.out;
    const float* factors = block.factor + i * block.in;
    for (std::int64_t o = first; o < last; ++o) {
      const float scale = scales[o];
      const float code = std::clamp(std::nearbyint(column[o] / scale) + zero, 0.0f, most);
      block.codes[i * block.out + o] = static_cast<std::uint8_t>(code);
      errors[o] = (column[o] - (code - zero) * scale) / factors[i];
    }
    for (std::int64_t j = i + 1; j < end; ++j) {
      float* later = block.rest + j * block.out;
      for (std::int64_t o = first; o < last; ++o) later[o] -= factors[j] * errors[o];
    }
  }
}

}  // namespace

Tensor QuantizedWeight::dequantized(const Rounding& rounding) const {
  const std::int64_t columns = rounding.columns_of(codes.size(1));
  const Tensor scale = scales.to(torch::kFloat32).t().repeat_interleave(columns, 1);
  return value_of(codes.to(torch::kFloat32), scale, rounding);
}

void Hessian::add(const Tensor& x) {
  if (!sum_.defined()) sum_ = torch::zeros({x.size(1), x.size(1)});
  sum_.addmm_(x.t(), x);
  rows_ += x.size(0);
}

Tensor Hessian::mean() const { return sum_ * (2.0 / double(std::max<std::int64_t>(rows_, 1))); }

Tensor inverse_factor(const Tensor& mean_hessian, double dampening) {
  if (!torch::isfinite(mean_hessian).all().item<bool>())
    throw Error("the calibration texts give activations that are NaN or infinite", "train or fetch the model again");
  const Tensor hessian = mean_hessian.clone();
  Tensor diagonal = hessian.diagonal();  // a view
  diagonal.masked_fill_(diagonal == 0, 1.0);
  const double mean = diagonal.mean().item<double>();
  // Few texts leave directions without any activation, and float32 may round those below zero: then more is added.
  for (double damp = dampening; damp < 1e3; damp *= 10) {
    Tensor damped = hessian.clone();
    damped.diagonal().add_(damp * mean);
    const auto [lower, failure] = torch::linalg_cholesky_ex(damped);
    if (failure.item<std::int64_t>() != 0) continue;
    auto [upper, again] = torch::linalg_cholesky_ex(torch::cholesky_inverse(lower), /*upper=*/true);
    if (again.item<std::int64_t>() == 0 && torch::isfinite(upper).all().item<bool>()) return upper;
  }
  throw Error("the Hessian of the calibration texts has no Cholesky factor",
              "name other texts as export_quantization_dataset");
}

QuantizedWeight quantize_gptq(const Tensor& weight, const Tensor& factor, const Rounding& rounding) {
  require_scales(weight, rounding);
  const std::int64_t out = weight.size(0), in = weight.size(1), columns = rounding.columns_of(in);
  // Transposed: a column of W is contiguous, which is what is walked along.
  const Tensor rest = weight.t().clone(torch::MemoryFormat::Contiguous);  // [in, out], changed from top to bottom
  const Tensor errors = torch::empty({std::min(kBlock, in), out}), upper = factor.contiguous();
  const Tensor codes = torch::empty({in, out}, torch::kUInt8);
  const Tensor scales = torch::empty({in / columns, out}, torch::kFloat16);
  const Tensor whole = columns > kBlock ? scales_of(weight, rounding) : Tensor();
  if (whole.defined()) scales[0].copy_(whole);
  const Block block{rest.data_ptr<float>(),
                    upper.data_ptr<float>(),
                    errors.data_ptr<float>(),
                    codes.data_ptr<std::uint8_t>(),
                    scales.data_ptr<c10::Half>(),
                    in,
                    out,
                    columns};
  for (std::int64_t begin = 0; begin < in; begin += kBlock) {
    const std::int64_t end = std::min(in, begin + kBlock);
    // Outputs do not know of each other.
    at::parallel_for(0, out, kOutputs, [&](std::int64_t first, std::int64_t last) {
      for (std::int64_t at = first; at < last; at += kOutputs)
        round_columns(block, rounding, begin, end, at, std::min(last, at + kOutputs));
    });
    if (end < in)
      rest.narrow(0, end, in - end)
          .addmm_(upper.narrow(0, begin, end - begin).narrow(1, end, in - end).t(), errors.narrow(0, 0, end - begin), 1,
                  -1);
  }
  return {codes.t().contiguous(), scales};
}

QuantizedWeight quantize_nearest(const Tensor& weight, const Rounding& rounding) {
  require_scales(weight, rounding);
  const std::int64_t in = weight.size(1), columns = rounding.columns_of(in);
  std::vector<Tensor> scales;
  for (std::int64_t i = 0; i < in; i += columns) scales.push_back(scales_of(weight.narrow(1, i, columns), rounding));
  const Tensor stored = torch::stack(scales);
  const Tensor scale = stored.to(torch::kFloat32).t().repeat_interleave(columns, 1);
  return {codes_of(weight, scale, rounding).to(torch::kUInt8), stored};
}

double output_error(const Tensor& weight, const Tensor& rounded, const Tensor& hessian) {
  const auto energy = [&](const Tensor& w) { return (torch::mm(w, hessian) * w).sum().item<double>(); };
  return std::sqrt(std::max(0.0, energy(weight - rounded)) / std::max(energy(weight), 1e-30));
}

}  // namespace lmf::exporter
