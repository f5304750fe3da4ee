#include "train/worker/speed_metrics.hpp"

#include <cmath>

namespace lmf::train {

double rounded(double value, int digits) {
  const double power = std::pow(10.0, digits);
  return std::round(value * power) / power;
}

nlohmann::json speed_metrics(const std::string& prefix, double seconds, double samples, double steps) {
  return {{prefix + "runtime", rounded(seconds, 4)},
          {prefix + "samples_per_second", rounded(samples / seconds, 3)},
          {prefix + "steps_per_second", rounded(steps / seconds, 3)}};
}

}  // namespace lmf::train
