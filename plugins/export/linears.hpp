#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "model/decoder_spec.hpp"

namespace lmf::exporter {

struct LinearSize {
  std::int64_t out = 0, in = 0;
};
/// What a quantised export quantises, by name: the linears of the layers. The head and the embedding stay.
std::map<std::string, LinearSize> quantized_linears(const model::DecoderSpec& spec);

/// The largest group, of at most 128 columns, that divides the width of each of them; -1, the whole row, when there is
/// none of 32 or more. Throws Error naming the linear whose sides cannot be packed.
std::int64_t group_for(const model::DecoderSpec& spec, std::int64_t bits);

}  // namespace lmf::exporter
