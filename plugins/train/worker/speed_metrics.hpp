#pragma once

#include <string>

#include <nlohmann/json.hpp>

namespace lmf::train {

/// To so many decimal places, as logs and results have their times and rates.
double rounded(double value, int digits);

/// PREFIXruntime, PREFIXsamples_per_second and PREFIXsteps_per_second, rounded as transformers' speed_metrics() does
/// it.
nlohmann::json speed_metrics(const std::string& prefix, double seconds, double samples, double steps);

}  // namespace lmf::train
