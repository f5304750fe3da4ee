#include "train/worker/sampler.hpp"

#include <algorithm>
#include <numeric>
#include <utility>

namespace lmf::train {
namespace {

/// splitmix64 (Steele, Lea and Flood 2014, "Fast splittable pseudorandom number generators").
class SplitMix {
 public:
  explicit SplitMix(std::uint64_t state) : state_(state) {}
  std::uint64_t next() {
    std::uint64_t z = state_ += 0x9E3779B97F4A7C15u;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    return z ^ (z >> 31);
  }
  /// Uniform in [0, bound): draws that would favour small values are thrown away.
  std::uint64_t below(std::uint64_t bound) {
    const std::uint64_t unfair = (0 - bound) % bound;
    std::uint64_t draw = next();
    while (draw < unfair) draw = next();
    return draw % bound;
  }

 private:
  std::uint64_t state_;
};

}  // namespace

std::uint64_t mix(std::uint64_t seed, std::uint64_t counter) {
  return SplitMix(SplitMix(seed).next() + counter).next();
}

Sampler::Sampler(std::int64_t examples, bool shuffle, std::uint64_t seed)
    : examples_(examples), shuffle_(shuffle), seed_(seed) {}

void Sampler::shuffle(std::int64_t epoch) {
  order_.resize(static_cast<std::size_t>(examples_));
  std::iota(order_.begin(), order_.end(), std::int64_t{0});
  SplitMix random(mix(seed_, static_cast<std::uint64_t>(epoch)));
  for (std::size_t i = order_.size(); i > 1; --i) std::swap(order_[i - 1], order_[random.below(i)]);
  shuffled_epoch_ = epoch;
}

std::vector<std::int64_t> Sampler::take(std::int64_t epoch, std::int64_t begin, std::int64_t count, bool filled_up) {
  if (shuffle_ && epoch != shuffled_epoch_) shuffle(epoch);
  const std::int64_t end = filled_up ? begin + count : std::min(begin + count, examples_);
  std::vector<std::int64_t> examples;
  for (std::int64_t i = begin; i < end; ++i) {
    examples.push_back(shuffle_ ? order_[static_cast<std::size_t>(i % examples_)] : i % examples_);
  }
  return examples;
}

}  // namespace lmf::train
