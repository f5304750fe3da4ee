#pragma once

#include <cstdint>

namespace lmf::exporter {

/// rows += scale · (b · a), in float32. rows: [count, width]; b: [count, rank]; a: [rank, width]; all contiguous.
/// The product is summed over the rank in order, each step a fused multiply-add, then scaled, then added: what
/// libtorch's CPU kernels do, so that the merged weights have the same bits as peft's.
void add_low_rank(float* rows, std::int64_t count, std::int64_t width, const float* b, const float* a,
                  std::int64_t rank, float scale);

}  // namespace lmf::exporter
