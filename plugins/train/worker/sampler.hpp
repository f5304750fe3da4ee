#pragma once

#include <cstdint>
#include <vector>

namespace lmf::train {

/// The order of the examples: sequential, or one permutation for each epoch. A permutation is a function of seed and
/// epoch alone (Fisher-Yates driven by splitmix64), so a resumed run takes it up at any position without replaying what
/// came before. It is not Python's: the same seed gives another order than the original's.
class Sampler {
 public:
  Sampler(std::int64_t examples, bool shuffle, std::uint64_t seed);
  /// `count` examples of `epoch` (counted from 0) from position `begin` on; fewer at the epoch's end, or, when it is to
  /// be `filled_up`, the epoch's first ones again.
  std::vector<std::int64_t> take(std::int64_t epoch, std::int64_t begin, std::int64_t count, bool filled_up = false);

 private:
  void shuffle(std::int64_t epoch);
  std::int64_t examples_;
  bool shuffle_;
  std::uint64_t seed_;
  std::int64_t shuffled_epoch_ = -1;
  std::vector<std::int64_t> order_;  // of shuffled_epoch_; empty when sequential
};

/// One well-mixed number from two: seeds of an epoch's order, of a step's dropout.
std::uint64_t mix(std::uint64_t seed, std::uint64_t counter);

}  // namespace lmf::train
