#pragma once

#include <cstdint>

#include "model/decoder.hpp"
#include "train/worker/train_options.hpp"
#include "train/worker/world.hpp"

namespace lmf::train {

/// Whether activations are made again in backward instead of kept: as the options say, or when those of the longest
/// batch (`longest`: tokens of the longest example) would take more than half of the memory that is left.
bool recomputes_activations(const TrainOptions& options, const model::Decoder& decoder, std::int64_t longest,
                            const World& world);

}  // namespace lmf::train
