#include "model/gptq_weight.hpp"

#include <algorithm>
#include <vector>

#include <ATen/Parallel.h>
#include <torch/utils.h>
#include <fmt/format.h>

#include "lmf/error.hpp"

namespace lmf::model {
namespace {

using torch::Tensor;

constexpr std::int64_t kOutputs = 16;  // whose words are in one cache line

/// The code of 0 of each group and output, float32 [groups, out]. That 1 was taken off is undone in whole words: the
/// zero 0 has borrowed from the one above it.
Tensor zeros_of(const GptqWeight& weight) {
  const std::int64_t together = 32 / weight.bits, groups = weight.scales.size(0), out = weight.scales.size(1);
  const std::uint32_t mask = (std::uint32_t{1} << weight.bits) - 1, ones = 0xffffffffu / mask;
  const Tensor packed = weight.qzeros.contiguous(), zeros = torch::empty({groups, out});
  const auto* words = packed.data_ptr<std::int32_t>();
  float* zero = zeros.data_ptr<float>();
  for (std::int64_t i = 0; i < packed.numel(); ++i) {
    const std::uint32_t word = static_cast<std::uint32_t>(words[i]) + (weight.zeros_less_one ? ones : 0);
    for (std::int64_t k = 0; k < together; ++k) *zero++ = static_cast<float>(word >> (weight.bits * k) & mask);
  }
  return zeros;
}

/// The group of each input. Programs that keep the inputs in order may leave all of them 0.
std::vector<std::int32_t> groups_of(const GptqWeight& weight, std::int64_t in) {
  std::vector<std::int32_t> groups(static_cast<std::size_t>(in));
  if (weight.g_idx.defined()) {
    const Tensor stored = weight.g_idx.contiguous();
    std::copy_n(stored.data_ptr<std::int32_t>(), in, groups.begin());
  }
  if (std::ranges::any_of(groups, [](std::int32_t group) { return group != 0; })) return groups;
  for (std::int64_t i = 0; i < in; ++i)
    groups[static_cast<std::size_t>(i)] = static_cast<std::int32_t>(i / weight.group_size);
  return groups;
}

/// What dequantized() works on.
struct Codes {
  const std::int32_t* words;    // [in / together, out]
  const float *scales, *zeros;  // [out, groups]
  const std::int32_t* group;    // [in]
  std::int64_t out, words_in, groups, bits;
};

/// Rows [first, last) of the weight.
void dequantize_rows(const Codes& codes, std::int64_t first, std::int64_t last, float* weight) {
  const std::int64_t together = 32 / codes.bits, in = codes.words_in * together;
  const std::uint32_t mask = (std::uint32_t{1} << codes.bits) - 1;
  for (std::int64_t w = 0; w < codes.words_in; ++w)
    for (std::int64_t o = first; o < last; ++o) {
      const auto word = static_cast<std::uint32_t>(codes.words[w * codes.out + o]);
      const float *scale = codes.scales + o * codes.groups, *zero = codes.zeros + o * codes.groups;
      for (std::int64_t k = 0; k < together; ++k) {
        const std::int64_t i = w * together + k, group = codes.group[i];
        const auto code = static_cast<float>(word >> (codes.bits * k) & mask);
        weight[o * in + i] = (code - zero[group]) * scale[group];
      }
    }
}

}  // namespace

GptqWeight GptqWeight::open(const Weights& weights, const std::string& name, const std::vector<std::int64_t>& shape,
                            const GptqFormat& format) {
  const auto [bits, groups, group_size] = require_gptq(weights.files(), name, shape, format);
  const auto names = gptq_names(name);
  GptqWeight weight{weights.tensor(names[0]), weights.tensor(names[1]), weights.tensor(names[2]), {}, group_size, bits,
                    format.zeros_less_one};
  if (weights.files().find(names[3]) == nullptr) return weight;
  weight.g_idx = weights.tensor(names[3]).clone();  // so that nobody changes it in the file behind the check
  const auto [least, most] = weight.g_idx.aminmax();
  if (least.item<std::int32_t>() < 0 || most.item<std::int32_t>() >= groups)
    throw Error(
        fmt::format("{}: tensor '{}' puts an input into group {}, and there are {}", weights.files().source().string(),
                    names[3], least.item<std::int32_t>() < 0 ? least.item<std::int32_t>() : most.item<std::int32_t>(),
                    groups),
        "copy or download the file again");
  if (group_size == 0 && most.item<std::int32_t>() == 0) refuse_unknown_groups(weights.files(), name, groups);
  return weight;
}

Tensor GptqWeight::dequantized() const {
  const std::int64_t out = qweight.size(1), in = qweight.size(0) * (32 / bits);
  const Tensor words = qweight.contiguous(), scale = scales.to(torch::kFloat32).t().contiguous(),
               zero = zeros_of(*this).t().contiguous(), weight = torch::empty({out, in});
  const auto group = groups_of(*this, in);
  const Codes codes{words.data_ptr<std::int32_t>(),
                    scale.data_ptr<float>(),
                    zero.data_ptr<float>(),
                    group.data(),
                    out,
                    qweight.size(0),
                    scales.size(0),
                    bits};
  at::parallel_for(0, out, kOutputs, [&, to = weight.data_ptr<float>()](std::int64_t begin, std::int64_t end) {
    for (std::int64_t first = begin; first < end; first += kOutputs)
      dequantize_rows(codes, first, std::min(first + kOutputs, end), to);
  });
  return weight;
}

}  // namespace lmf::model
