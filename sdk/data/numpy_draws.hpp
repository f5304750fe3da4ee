#pragma once

#include <bit>
#include <cstdint>
#include <numeric>
#include <utility>
#include <vector>

namespace lmf::data {

/// Uniform in [0, limit], as both of numpy's generators draw it: as many low bits as `limit` needs, drawn until they
/// fit. The generators differ in next32() and next64(), of which the smaller that suffices is taken.
template <class Next32, class Next64>
std::uint64_t draw_up_to(std::uint64_t limit, const Next32& next32, const Next64& next64) {
  if (limit == 0) return 0;
  const std::uint64_t mask = ~std::uint64_t{0} >> std::countl_zero(limit);
  std::uint64_t value = 0;
  do {
    value = (limit > 0xFFFFFFFFu ? next64() : std::uint64_t{next32()}) & mask;
  } while (value > limit);
  return value;
}

/// 0 to count - 1, shuffled from the end (Fisher & Yates) by up_to(limit).
template <class UpTo>
std::vector<std::int64_t> shuffled(std::int64_t count, const UpTo& up_to) {
  std::vector<std::int64_t> order(static_cast<std::size_t>(count));
  std::iota(order.begin(), order.end(), 0);
  for (std::size_t i = order.size(); i-- > 1;) std::swap(order[i], order[up_to(i)]);
  return order;
}

}  // namespace lmf::data
