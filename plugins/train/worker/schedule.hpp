#pragma once

#include <cstdint>
#include <string>

namespace lmf::train {

/// Factor of the learning rate over the steps: up from 0 in `warmup` steps (but for constant), then by kind.
class LearningRateSchedule {
 public:
  enum class Kind { linear, cosine, constant, constant_with_warmup };
  LearningRateSchedule(Kind kind, std::int64_t warmup, std::int64_t total)
      : kind_(kind), warmup_(warmup), total_(total) {}
  /// The kind that lr_scheduler_type names. Throws Error for another.
  static Kind kind(const std::string& name);
  /// The factor that update `step` (counted from 0) is made with.
  double factor(std::int64_t step) const;

 private:
  Kind kind_;
  std::int64_t warmup_, total_;
};

}  // namespace lmf::train
