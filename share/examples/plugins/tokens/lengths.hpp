#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace tokens {

/// The length, in tokens, that `share` (0 to 1) of the rows do not exceed: the nearest-rank percentile. `sorted` is
/// ascending and not empty.
std::int64_t percentile(const std::vector<std::int64_t>& sorted, double share);

/// How long the rows are, as lines for a person; `lengths` in any order, not empty.
std::string summary(std::vector<std::int64_t> lengths, std::int64_t cutoff_len);

}  // namespace tokens
