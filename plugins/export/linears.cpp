#include "linears.hpp"

#include <fmt/format.h>

#include "lmf/error.hpp"
#include "model/decoder_shapes.hpp"

namespace lmf::exporter {

std::map<std::string, LinearSize> quantized_linears(const model::DecoderSpec& spec) {
  std::map<std::string, LinearSize> linears;
  for (const auto& [name, shape] : model::linear_shapes(spec))
    if (name != "lm_head") linears[name] = {shape[0], shape[1]};
  return linears;
}

std::int64_t group_for(const model::DecoderSpec& spec, std::int64_t bits) {
  const auto linears = quantized_linears(spec);
  const std::int64_t together = 32 / bits;
  for (const auto& [name, size] : linears)
    if (size.out % together != 0 || size.in % together != 0)
      throw Error(fmt::format("{} has {} x {} weights, and {} codes of {} bits share a word: sides must be multiples "
                              "of {}",
                              name, size.out, size.in, together, bits, together),
                  "export it without export_quantization_bit, or as GGUF (export_gguf)", kExitUsage);
  for (const std::int64_t group : {128, 64, 32}) {
    bool fits = true;
    for (const auto& [name, size] : linears) fits &= size.in % group == 0;
    if (fits) return group;
  }
  return -1;
}

}  // namespace lmf::exporter
