#pragma once

#include "model/gptq_weight.hpp"
#include "quantize/gptq.hpp"

namespace lmf::exporter {

/// A linear in the GPTQ checkpoint format, version 1.
model::GptqWeight pack(const QuantizedWeight& weight, const Rounding& rounding);

}  // namespace lmf::exporter
