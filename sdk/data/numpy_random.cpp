#include "data/numpy_random.hpp"

#include <bit>
#include <numeric>
#include <utility>

namespace lmf::data {

std::uint64_t NumpyRandom::up_to(std::uint64_t limit) {
  if (limit == 0) return 0;
  const std::uint64_t mask = ~std::uint64_t{0} >> std::countl_zero(limit);
  std::uint64_t value = 0;
  do {
    value = generator_();
    if (limit > 0xFFFFFFFFu) value = value << 32 | generator_();
    value &= mask;
  } while (value > limit);
  return value;
}

std::vector<std::int64_t> NumpyRandom::permutation(std::int64_t count) {
  std::vector<std::int64_t> order(static_cast<std::size_t>(count));
  std::iota(order.begin(), order.end(), 0);
  for (std::size_t i = order.size(); i-- > 1;) std::swap(order[i], order[up_to(i)]);
  return order;
}

std::vector<std::int64_t> NumpyRandom::choice(std::int64_t count, std::int64_t draws) {
  std::vector<std::int64_t> picked(static_cast<std::size_t>(draws));
  for (auto& index : picked) index = static_cast<std::int64_t>(up_to(static_cast<std::uint64_t>(count) - 1));
  return picked;
}

}  // namespace lmf::data
