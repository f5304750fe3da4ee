#include "infer/kernels.hpp"

#include <cmath>
#include <random>
#include <vector>

#include <torch/types.h>
#include <torch/utils.h>
#include <doctest/doctest.h>

#include "infer/packed_weights.hpp"

using namespace lmf::infer;

namespace {

std::vector<float> normal(std::int64_t count, unsigned seed) {
  std::mt19937 random(seed);
  std::normal_distribution<float> draw;
  std::vector<float> values(static_cast<std::size_t>(count));
  for (float& value : values) value = draw(random);
  return values;
}

torch::Tensor matrix(std::int64_t rows, std::int64_t columns, unsigned seed) {
  return torch::tensor(normal(rows * columns, seed)).view({rows, columns});
}

/// What a packed matrix stands for, float64 [rows, columns].
torch::Tensor unpacked(const PackedWeights& packed) {
  const std::int64_t rows = packed.matrix.rows, columns = packed.matrix.columns;
  switch (packed.matrix.format) {
    case WeightFormat::int8:
      return packed.values.to(torch::kFloat64) * packed.scales.to(torch::kFloat64);
    case WeightFormat::int4: {
      const auto bytes = packed.values.to(torch::kInt32);  // [rows, groups, 16]
      const auto q = torch::cat({bytes % 16, bytes.div(16, "floor")}, 2) - 8;
      return (q.to(torch::kFloat64) * packed.scales.to(torch::kFloat64)).view({rows, columns});
    }
    default:
      return packed.values.to(torch::kFloat64);
  }
}

PackedWeights pack(const torch::Tensor& weight, WeightFormat format) {
  WeightMemory memory;  // what was made in it outlives it
  return PackedWeights::pack(weight, format, memory);
}

/// What the kernels multiply with, rounded as they do it.
struct Inputs {
  Inputs(const Kernels& kernels, const torch::Tensor& x)
      : rounded(static_cast<std::size_t>(x.numel())),
        scales(static_cast<std::size_t>(x.size(0) * rounded_blocks(x.size(1)))),
        input{x.data_ptr<float>(), rounded.data(), scales.data()} {
    for (std::int64_t t = 0, columns = x.size(1); t < x.size(0); ++t)
      kernels.round(input.x + t * columns, columns, rounded.data() + t * columns,
                    scales.data() + t * rounded_blocks(columns));
  }
  std::vector<std::int16_t> rounded;
  std::vector<float> scales;
  Input input;
};

constexpr WeightFormat kFormats[] = {WeightFormat::fp32, WeightFormat::bf16, WeightFormat::int8, WeightFormat::int4};

}  // namespace

TEST_CASE("products are those of the weights as they are packed, on every level of instructions") {
  double worst = 0, worst_rounded = 0;
  for (const Kernels* kernels : runnable_kernels())
    for (const WeightFormat format : kFormats)
      for (const std::int64_t columns : {32, 96, 172, 768, 813})
        for (const std::int64_t tokens : {1, 2, 3, 4, 5, 7, 8, 13}) {
          const std::int64_t rows = 21;
          const auto packed = pack(matrix(rows, columns, 1), format);
          const auto x = matrix(tokens, columns, 2);
          const Inputs inputs(*kernels, x);
          std::vector<float> y(static_cast<std::size_t>(tokens * rows), 1e9f);
          for (const auto& [begin, end] : {std::pair<std::int64_t, std::int64_t>{0, 6}, {6, 21}})
            kernels->multiply(packed.matrix, inputs.input, tokens, begin, end, y.data(), rows);
          const auto expected = x.to(torch::kFloat64).matmul(unpacked(packed).t());
          const auto got = torch::tensor(y).view({tokens, rows}).to(torch::kFloat64);
          double& largest = packed.matrix.format == WeightFormat::int8 ? worst_rounded : worst;
          largest = std::max(largest, ((got - expected).abs().max() / expected.abs().max()).item<double>());
        }
  MESSAGE("largest difference, relative to the largest product: " << worst << ", int8: " << worst_rounded);
  CHECK(worst < 5e-7);          // float32 sums of up to 768 products in lanes
  CHECK(worst_rounded < 6e-5);  // inputs of size 1 to 4 are up to 6e-5 off, in all directions
}

TEST_CASE("inputs are rounded to 16 bits of their block's largest, and what is not finite stays that") {
  const std::int64_t columns = 2 * kRoundedBlock + 37;
  for (const Kernels* kernels : runnable_kernels()) {
    auto x = matrix(1, columns, 21);
    x[0].narrow(0, 0, kRoundedBlock) *= 1e4;  // a large block takes nothing from the digits of the others
    x[0].narrow(0, kRoundedBlock, kRoundedBlock).zero_();
    const Inputs inputs(*kernels, x);
    for (std::int64_t c = 0; c < columns; ++c) {
      const float scale = inputs.scales[static_cast<std::size_t>(c / kRoundedBlock)];
      CHECK(std::abs(scale * inputs.rounded[static_cast<std::size_t>(c)] - inputs.input.x[c]) <= 0.501f * scale);
    }
    CHECK(inputs.scales[1] == 0);
    CHECK(inputs.scales[2] * 32767 == doctest::Approx(x[0].narrow(0, 2 * kRoundedBlock, 37).abs().max().item<float>()));
    const auto packed = pack(matrix(5, columns, 22), WeightFormat::int8);
    for (const float bad : {NAN, INFINITY, -INFINITY}) {
      x[0][columns - 1] = bad;
      const Inputs with_bad(*kernels, x);
      std::vector<float> y(5);
      kernels->multiply(packed.matrix, with_bad.input, 1, 0, 5, y.data(), 5);
      for (const float value : y) CHECK(!std::isfinite(value));
    }
  }
}

TEST_CASE("a token's products do not depend, in any bit, on the tokens beside it") {
  for (const Kernels* kernels : runnable_kernels())
    for (const WeightFormat format : kFormats)
      for (const std::int64_t columns : {256, 800, 813}) {
        const std::int64_t rows = 33, tokens = 29;
        const auto packed = pack(matrix(rows, columns, 3), format);
        const auto x = matrix(tokens, columns, 4);
        const Inputs inputs(*kernels, x);
        std::vector<float> together(static_cast<std::size_t>(tokens * rows)), alone(together.size());
        kernels->multiply(packed.matrix, inputs.input, tokens, 0, rows, together.data(), rows);
        for (std::int64_t t = 0; t < tokens; ++t)
          kernels->multiply(packed.matrix, inputs.input.from(t, columns), 1, 0, rows, alone.data() + t * rows, rows);
        CHECK(together == alone);
      }
}

TEST_CASE("packing rounds to the nearest of its values and keeps zeros and extremes") {
  const auto weights = matrix(16, 64, 5);
  weights[3].zero_();
  const auto exact = weights.to(torch::kFloat64);
  const auto bf16 = (unpacked(pack(weights, WeightFormat::bf16)) - exact).abs();
  CHECK((bf16 <= exact.abs() / 256).all().item<bool>());  // 8 bits of mantissa
  const auto int8 = unpacked(pack(weights, WeightFormat::int8));
  CHECK(((int8 - exact).abs() <= exact.abs().amax(1, true) / 253).all().item<bool>());
  CHECK(int8[3].abs().max().item<double>() == 0);
  const auto int4 = unpacked(pack(weights, WeightFormat::int4)).view({16, 2, 32});
  const auto groups = exact.view({16, 2, 32});
  // Half a step within the range; the end of the range opposite of the largest value is 7 of 8 steps away.
  CHECK(((int4 - groups).abs() <= groups.abs().amax(2, true) / 7.9).all().item<bool>());
  const auto largest = groups.abs().argmax(2, true);
  CHECK(torch::allclose(int4.gather(2, largest), groups.gather(2, largest), 1e-6));
  CHECK(pack(matrix(4, 40, 6), WeightFormat::int4).matrix.format == WeightFormat::int8);
}

TEST_CASE("a weight that is not finite makes its row's products none, in every format") {
  for (const WeightFormat format : kFormats)
    for (const float bad : {NAN, INFINITY, -INFINITY}) {
      auto weights = matrix(3, 96, 5);
      weights[1][40] = bad;
      const auto packed = pack(weights, format);
      for (const Kernels* kernels : runnable_kernels()) {
        const auto x = matrix(1, 96, 6);
        const Inputs inputs(*kernels, x);
        std::vector<float> y(3);
        kernels->multiply(packed.matrix, inputs.input, 1, 0, 3, y.data(), 3);
        CHECK((std::isfinite(y[0]) && !std::isfinite(y[1]) && std::isfinite(y[2])));
      }
    }
}

TEST_CASE("codes of 4 bits are packed as they are, and nothing else is called that") {
  torch::manual_seed(8);
  const auto codes = torch::randint(-8, 8, {16, 96}).to(torch::kFloat32);
  codes[3].zero_();
  codes[5].abs_().clamp_(0, 7);  // no -8, all of one sign
  codes[6].narrow(0, 0, 32).fill_(-3);
  const auto scales = (torch::rand({16, 3}) * 0.1 + 1e-4).to(torch::kFloat16).to(torch::kFloat32);
  const auto weight = codes * scales.repeat_interleave(32, 1);
  WeightMemory memory;
  const auto packed = PackedWeights::pack_exactly(weight, memory);
  REQUIRE(packed);
  CHECK(packed->matrix.format == WeightFormat::int4);
  CHECK(torch::equal(unpacked(*packed), weight.to(torch::kFloat64)));
  CHECK(!torch::equal(unpacked(pack(weight, WeightFormat::int4)), weight.to(torch::kFloat64)));
  weight[9][40] += 0.3 * scales[9][1];
  CHECK(!PackedWeights::pack_exactly(weight, memory));
  CHECK(!PackedWeights::pack_exactly(matrix(4, 40, 6), memory));
  weight[9][40] = NAN;
  CHECK(!PackedWeights::pack_exactly(weight, memory));
}

TEST_CASE("weights that are in the format already are not copied") {
  const auto weights = matrix(8, 32, 7);
  CHECK(pack(weights, WeightFormat::fp32).matrix.values == weights.data_ptr());
  const auto half = weights.to(torch::kBFloat16);
  CHECK(pack(half, WeightFormat::bf16).matrix.values == half.data_ptr());
}

TEST_CASE("tensors in the memory of weights lie apart, aligned, whatever their sizes, and outlive it") {
  std::vector<torch::Tensor> tensors;
  {
    WeightMemory memory;
    for (const std::int64_t size : {5, 1 << 20, 1, 300 << 20, 7, 200 << 20, 100 << 20, 0})  // also more than a piece
      tensors.push_back(memory.make({size}, torch::kUInt8));
  }
  for (std::size_t i = 0; i < tensors.size(); ++i) {
    CHECK(reinterpret_cast<std::size_t>(tensors[i].data_ptr()) % 64 == 0);
    if (tensors[i].numel() == 0) continue;
    tensors[i][0] = static_cast<int>(i);
    tensors[i][-1] = static_cast<int>(i);
  }
  for (std::size_t i = 0; i < tensors.size(); ++i)
    if (tensors[i].numel() > 0)
      CHECK((tensors[i][0].item<int>() == static_cast<int>(i) && tensors[i][-1].item<int>() == static_cast<int>(i)));
}

TEST_CASE("attention is the softmax-weighted mean of the values in its range") {
  double worst = 0;
  for (const Kernels* kernels : runnable_kernels())
    for (const std::int64_t D : {8, 12, 64})
      for (const auto& [begin, end] :
           {std::pair<std::int64_t, std::int64_t>{0, 1}, {0, 16}, {0, 100}, {37, 100}, {70, 300}, {299, 300}}) {
        const std::int64_t tokens = 320, heads = 3;
        const auto k = matrix(tokens, D, 8), v = matrix(tokens, D, 9), q = matrix(heads, D, 10);
        const auto blocks = k.view({tokens / kKeyBlock, kKeyBlock, D}).transpose(1, 2).contiguous();
        std::vector<float> out(static_cast<std::size_t>(heads * D));
        kernels->attend(q.data_ptr<float>(), blocks.data_ptr<float>(), v.data_ptr<float>(), begin, end, heads, D, 0.3f,
                        out.data());
        const auto seen = [&](const torch::Tensor& x) { return x.narrow(0, begin, end - begin).to(torch::kFloat64); };
        const auto weights = (q.to(torch::kFloat64).matmul(seen(k).t()) * 0.3).softmax(-1);
        const auto got = torch::tensor(out).view({heads, D}).to(torch::kFloat64);
        worst = std::max(worst, (got - weights.matmul(seen(v))).abs().max().item<double>());
      }
  MESSAGE("largest difference: " << worst);
  CHECK(worst < 3e-6);  // values of size 1 to 4, weights from float32 scores of size 10
}

TEST_CASE("attention far below zero and above it stays finite") {
  for (const Kernels* kernels : runnable_kernels())
    for (const float score : {-3e4f, 3e4f}) {
      std::vector<float> q(8, 1.0f), blocks(16 * 8, score), values(16 * 8, 0.5f), out(8);
      kernels->attend(q.data(), blocks.data(), values.data(), 0, 11, 1, 8, 1.0f, out.data());
      for (const float value : out) CHECK(value == doctest::Approx(0.5f));
    }
}

TEST_CASE("norm and activation are the formulas") {
  for (const Kernels* kernels : runnable_kernels())
    for (const std::int64_t size : {3, 16, 37, 768}) {
      const auto x = matrix(1, size, 11)[0] * 6, weight = matrix(1, size, 12)[0], up = matrix(1, size, 13)[0];
      if (size > 16) x[1] = -200.0, x[2] = 90.0;
      std::vector<float> out(static_cast<std::size_t>(size));
      kernels->normalise(x.data_ptr<float>(), weight.data_ptr<float>(), 1e-5f, size, out.data());
      const auto wide = x.to(torch::kFloat64);
      const auto normed = wide / (wide.pow(2).mean() + 1e-5).sqrt() * weight;
      CHECK((torch::tensor(out) - normed).abs().max().item<double>() < 2e-6 * normed.abs().max().item<double>());
      if (size > 16)  // where e^-x is beyond float32
        for (int i = 3; i < 16; ++i) x[i] = -84.0 - 8.0 * i;
      const auto gate = x.clone();
      kernels->activate(gate.data_ptr<float>(), up.data_ptr<float>(), size);
      const auto gates = x.to(torch::kFloat64), expected = gates * gates.sigmoid() * up;
      CHECK((gate - expected).abs().max().item<double>() < 1e-6 * expected.abs().max().item<double>());
    }
}
