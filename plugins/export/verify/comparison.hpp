#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "verify/stored_model.hpp"

namespace lmf::exporter {

/// What was found of the parameters. Expected of each: the base's bytes where no adapter has a part in it and the type
/// stays; else W + Σ scale · (B A) by libtorch in float32, rounded to the type of the export.
struct WeightFindings {
  std::int64_t tensors = 0, identical = 0;  ///< all; those whose every bit is the expected one
  std::int64_t copied = 0;                  ///< of those, how many are the base's own bytes
  double largest = 0;                       ///< difference of a number from the expected one
  std::string failure;                      ///< what is not within one rounding; "" when all is well
  std::string unusable;                     ///< what is expected and no number; "" when all is well
};

struct Distance {
  double largest = 0, relative = 0;  ///< of two numbers; ‖a - b‖ / ‖b‖
};

/// What was found when both ran the same tokens.
struct ForwardFindings {
  std::int64_t tokens = 0;
  std::vector<Distance> layers;  ///< after each layer
  Distance logits;
  std::int64_t same_best = 0;  ///< tokens after which both expect the same one
  double limit = 0;            ///< that `relative` has to keep
  std::string failure;
  std::string unusable;  ///< where the model with its adapters apart computes no number; "" when all is well
};

using Step = std::function<void()>;  ///< called as the work goes on, once for each layer

WeightFindings compare_weights(const StoredModel& exported, const StoredModel& expected, const Step& step);

/// Runs the sequences through both, layer by layer: two layers are in memory at a time, whatever the model's size.
ForwardFindings compare_forward(const StoredModel& exported, const StoredModel& expected,
                                const std::vector<std::vector<std::int64_t>>& sequences, const Step& step);

}  // namespace lmf::exporter
