#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "config/options.hpp"
#include "train/launch/resume.hpp"

namespace lmf::train {

/// What a run of `ranks` processes would do, a line each: method, steps, output.
std::vector<std::string> plan_lines(const config::Options& options, std::int64_t examples, const Start& start,
                                    int ranks = 1);

}  // namespace lmf::train
