#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>
#include <torch/types.h>
#include <torch/utils.h>

#include "base/files.hpp"
#include "model/decoder.hpp"
#include "model/safetensors.hpp"

namespace lmf::test {

struct GptqKind {
  std::int64_t bits = 4, group_size = 32;
  bool symmetric = true, scattered = false, version2 = false;
};

/// Rows of codes [n, m] with as many as fit side by side in a word: int32 [n · bits / 32, m]. `less`: subtracted from
/// each word.
inline torch::Tensor packed_codes(const torch::Tensor& codes, std::int64_t bits, std::uint32_t less = 0) {
  const std::int64_t together = 32 / bits;
  const torch::Tensor words = torch::zeros({codes.size(0) / together, codes.size(1)}, torch::kInt32);
  for (std::int64_t row = 0; row < words.size(0); ++row)
    for (std::int64_t column = 0; column < words.size(1); ++column) {
      std::uint32_t word = 0;
      for (std::int64_t k = together; k-- > 0;)
        word = word << bits | static_cast<std::uint32_t>(codes[row * together + k][column].item<std::int64_t>());
      words[row][column] = static_cast<std::int32_t>(word - less);
    }
  return words;
}

using NamedTensors = std::map<std::string, torch::Tensor>;

/// Any codes for a linear [out, in], and the weight that they stand for.
inline torch::Tensor draw_gptq(const std::string& name, std::int64_t out, std::int64_t in, const GptqKind& kind,
                               NamedTensors& tensors) {
  const std::int64_t size = kind.group_size < 0 ? in : kind.group_size, groups = (in + size - 1) / size;
  const std::int64_t codes_of_all = std::int64_t{1} << kind.bits;
  torch::Tensor group = torch::div(torch::arange(in), size, "floor");
  if (kind.scattered) group = group.index_select(0, torch::randperm(in));
  const torch::Tensor codes = torch::randint(codes_of_all, {in, out});
  const torch::Tensor zeros =
      kind.symmetric ? torch::full({groups, out}, codes_of_all / 2) : torch::randint(codes_of_all, {groups, out});
  const torch::Tensor scales = (torch::rand({groups, out}) * 0.02 + 0.001).to(torch::kFloat16);
  const std::uint32_t ones = kind.bits == 4 ? 0x11111111 : 0x01010101;
  tensors[name + ".qweight"] = packed_codes(codes, kind.bits);
  tensors[name + ".qzeros"] = packed_codes(zeros.t(), kind.bits, kind.version2 ? 0 : ones).t().contiguous();
  tensors[name + ".scales"] = scales;
  tensors[name + ".g_idx"] = group.to(torch::kInt32);
  const torch::Tensor distance = (codes - zeros.index_select(0, group)).to(torch::kFloat32);
  return (distance * scales.to(torch::kFloat32).index_select(0, group)).t().contiguous();
}

inline void write_tensors(const std::filesystem::path& folder, const NamedTensors& tensors) {
  model::write_safetensors(folder / "model.safetensors", {tensors.begin(), tensors.end()});
}

/// Writes a GPTQ checkpoint of the decoder's shape, its linears (and an untied head) drawn at random and put into the
/// decoder as the weights that they stand for. Returns what was written.
inline NamedTensors write_gptq_checkpoint(const std::filesystem::path& folder, model::Decoder& decoder,
                                          const GptqKind& kind) {
  decoder.save(folder);
  NamedTensors tensors;
  for (model::Linear* linear : decoder.linears())
    linear->weight = draw_gptq(linear->name, linear->weight.size(0), linear->weight.size(1), kind, tensors);
  for (const auto& [name, tensor] : decoder.parameters())
    if (!tensors.contains(name.substr(0, name.rfind('.')) + ".qweight") || name.ends_with(".bias"))
      tensors[name] = tensor;
  write_tensors(folder, tensors);
  auto config = nlohmann::json::parse(read_file(folder / "config.json"));
  config["quantization_config"] = {
      {"quant_method", "gptq"},     {"bits", kind.bits},     {"group_size", kind.group_size},
      {"desc_act", kind.scattered}, {"sym", kind.symmetric}, {"checkpoint_format", kind.version2 ? "gptq_v2" : "gptq"}};
  write_file_atomically(folder / "config.json", config.dump());
  return tensors;
}

}  // namespace lmf::test
