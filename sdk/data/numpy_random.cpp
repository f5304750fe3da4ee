#include "data/numpy_random.hpp"

#include "data/numpy_draws.hpp"

namespace lmf::data {

std::uint64_t NumpyRandom::up_to(std::uint64_t limit) {
  const auto next32 = [this] { return static_cast<std::uint32_t>(generator_()); };
  return draw_up_to(limit, next32, [&] {
    const std::uint64_t high = next32();
    return high << 32 | next32();
  });
}

std::vector<std::int64_t> NumpyRandom::permutation(std::int64_t count) {
  return shuffled(count, [this](std::uint64_t limit) { return up_to(limit); });
}

std::vector<std::int64_t> NumpyRandom::choice(std::int64_t count, std::int64_t draws) {
  std::vector<std::int64_t> picked(static_cast<std::size_t>(draws));
  for (auto& index : picked) index = static_cast<std::int64_t>(up_to(static_cast<std::uint64_t>(count) - 1));
  return picked;
}

}  // namespace lmf::data
