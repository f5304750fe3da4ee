#include "train/worker/schedule.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>

#include <fmt/format.h>

#include "lmf/error.hpp"

namespace lmf::train {

LearningRateSchedule::Kind LearningRateSchedule::kind(const std::string& name) {
  if (name == "linear") return Kind::linear;
  if (name == "cosine") return Kind::cosine;
  if (name == "constant") return Kind::constant;
  if (name == "constant_with_warmup") return Kind::constant_with_warmup;
  throw Error(fmt::format("lr_scheduler_type {} is not supported", name),
              "use linear, cosine, constant or constant_with_warmup", kExitUsage);
}

double LearningRateSchedule::factor(std::int64_t step) const {
  if (kind_ == Kind::constant) return 1.0;
  if (step < warmup_) return static_cast<double>(step) / static_cast<double>(warmup_);
  if (kind_ == Kind::constant_with_warmup) return 1.0;
  const auto span = static_cast<double>(std::max<std::int64_t>(1, total_ - warmup_));
  if (kind_ == Kind::linear) return std::max(0.0, static_cast<double>(total_ - step) / span);
  const double progress = static_cast<double>(step - warmup_) / span;
  return std::max(0.0, 0.5 * (1.0 + std::cos(std::numbers::pi * progress)));
}

}  // namespace lmf::train
