#pragma once

#include <vector>

#include "config/options.hpp"

namespace lmf::train {

/// What is wrong among the options of evaluation: nothing to evaluate on, a best model that nobody looks for...
std::vector<config::Problem> evaluation_problems(const config::Options& options);

}  // namespace lmf::train
