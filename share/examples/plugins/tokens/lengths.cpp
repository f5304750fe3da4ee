#include "lengths.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>

#include <fmt/format.h>

namespace tokens {

std::int64_t percentile(const std::vector<std::int64_t>& sorted, double share) {
  const double rank = std::ceil(share * static_cast<double>(sorted.size()));
  const auto index = static_cast<std::size_t>(std::max(rank, 1.0)) - 1;
  return sorted[std::min(index, sorted.size() - 1)];
}

std::string summary(std::vector<std::int64_t> lengths, std::int64_t cutoff_len) {
  std::sort(lengths.begin(), lengths.end());
  const std::int64_t total = std::accumulate(lengths.begin(), lengths.end(), std::int64_t{0});
  const auto longer = lengths.end() - std::upper_bound(lengths.begin(), lengths.end(), cutoff_len);
  std::string text = fmt::format("{} rows, {} tokens, {:.1f} a row\n", lengths.size(), total,
                                 static_cast<double>(total) / static_cast<double>(lengths.size()));
  text += fmt::format("shortest {}, median {}, 90 % {}, 95 % {}, 99 % {}, longest {}\n", lengths.front(),
                      percentile(lengths, 0.5), percentile(lengths, 0.9), percentile(lengths, 0.95),
                      percentile(lengths, 0.99), lengths.back());
  return text + fmt::format("{} ({:.1f} %) longer than cutoff_len {}\n", longer,
                            100.0 * static_cast<double>(longer) / static_cast<double>(lengths.size()), cutoff_len);
}

}  // namespace tokens
