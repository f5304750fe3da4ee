#pragma once

#include <cstdint>
#include <vector>

#include "data/token_store.hpp"
#include "lmf/error.hpp"
#include "train/worker/batch.hpp"
#include "train/worker/trainee.hpp"

namespace lmf::train {

/// Why a step's loss or gradient is no finite number, looked for in this order: a parameter; the layer whose output is
/// the first that is not finite, on which examples; else the gradient. Names tensors with their dtype, and examples
/// with file, line and number. The parameters are still those the step began with.
Error explain_non_finite(std::int64_t step, double loss, double gradient_norm, const Trainee& trainee,
                         const std::vector<Batch>& batches, const data::TokenStore& store);

}  // namespace lmf::train
