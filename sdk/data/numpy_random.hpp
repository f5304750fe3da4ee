#pragma once

#include <cstdint>
#include <random>
#include <vector>

namespace lmf::data {

/// numpy's legacy generator (numpy.random.seed): the draws by which LLaMA-Factory samples data sets with num_samples.
class NumpyRandom {
 public:
  explicit NumpyRandom(std::uint32_t seed) : generator_(seed) {}
  std::vector<std::int64_t> permutation(std::int64_t count);
  /// `draws` numbers below `count`, with repetition.
  std::vector<std::int64_t> choice(std::int64_t count, std::int64_t draws);

 private:
  /// Uniform in [0, limit]: as many low bits as `limit` needs, drawn until they fit.
  std::uint64_t up_to(std::uint64_t limit);
  std::mt19937 generator_;
};

}  // namespace lmf::data
