#include "data/numpy_generator.hpp"

#include <array>
#include <bit>
#include <utility>

#include "data/numpy_draws.hpp"

namespace lmf::data {
namespace {

using Pool = std::array<std::uint32_t, 4>;

/// The hash by which SeedSequence spreads its entropy: its constant moves on with every use.
class Hash {
 public:
  Hash(std::uint32_t constant, std::uint32_t factor) : constant_(constant), factor_(factor) {}
  std::uint32_t operator()(std::uint32_t value) {
    value ^= constant_;
    constant_ *= factor_;
    value *= constant_;
    return value ^ value >> 16;
  }

 private:
  std::uint32_t constant_, factor_;
};

std::uint32_t mixed(std::uint32_t a, std::uint32_t b) {
  const std::uint32_t value = a * 0xCA01F9DDu - b * 0x4973F715u;
  return value ^ value >> 16;
}

Pool pool_of(std::uint64_t seed) {
  Hash hash(0x43B0D7E5u, 0x931E8875u);
  Pool pool{};
  for (std::size_t i = 0; i < pool.size(); ++i) pool[i] = hash(i < 2 ? static_cast<std::uint32_t>(seed >> 32 * i) : 0u);
  for (std::size_t from = 0; from < pool.size(); ++from) {
    for (std::size_t to = 0; to < pool.size(); ++to) {
      if (from != to) pool[to] = mixed(pool[to], hash(pool[from]));
    }
  }
  return pool;
}

/// SeedSequence.generate_state(4, uint64).
std::array<std::uint64_t, 4> seeds_of(const Pool& pool) {
  Hash hash(0x8B51F9DDu, 0x58F38DEDu);
  std::array<std::uint64_t, 4> seeds{};
  for (std::size_t i = 0; i < 2 * seeds.size(); ++i)
    seeds[i / 2] |= std::uint64_t{hash(pool[i % pool.size()])} << 32 * (i % 2);
  return seeds;
}

}  // namespace

NumpyGenerator::NumpyGenerator(std::uint64_t seed) {
  const auto seeds = seeds_of(pool_of(seed));
  increment_ = (Wide{seeds[2]} << 64 | seeds[3]) << 1 | 1;
  advance();
  state_ += Wide{seeds[0]} << 64 | seeds[1];
  advance();
}

void NumpyGenerator::advance() {
  constexpr Wide kFactor = Wide{0x2360ED051FC65DA4u} << 64 | 0x4385DF649FCCF645u;
  state_ = state_ * kFactor + increment_;
}

std::uint64_t NumpyGenerator::next64() {
  advance();
  const auto high = static_cast<std::uint64_t>(state_ >> 64), low = static_cast<std::uint64_t>(state_);
  return std::rotr(high ^ low, static_cast<int>(high >> 58));
}

std::uint32_t NumpyGenerator::next32() {
  if (left_) return *std::exchange(left_, std::nullopt);
  const std::uint64_t both = next64();
  left_ = static_cast<std::uint32_t>(both >> 32);
  return static_cast<std::uint32_t>(both);
}

std::uint64_t NumpyGenerator::up_to(std::uint64_t limit) {
  return draw_up_to(
      limit, [this] { return next32(); }, [this] { return next64(); });
}

std::vector<std::int64_t> NumpyGenerator::permutation(std::int64_t count) {
  return shuffled(count, [this](std::uint64_t limit) { return up_to(limit); });
}

}  // namespace lmf::data
