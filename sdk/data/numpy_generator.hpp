#pragma once

#include <cstdint>
#include <optional>
#include <vector>

namespace lmf::data {

/// numpy's newer generator, numpy.random.default_rng(seed): the draws by which LLaMA-Factory's val_size divides the
/// records. PCG64 (O'Neill 2014, "PCG: A Family of Simple Fast Space-Efficient Statistically Good Algorithms for Random
/// Number Generation"), seeded through numpy's SeedSequence.
class NumpyGenerator {
 public:
  explicit NumpyGenerator(std::uint64_t seed);
  std::vector<std::int64_t> permutation(std::int64_t count);

 private:
  __extension__ using Wide = unsigned __int128;
  void advance();
  std::uint64_t next64();
  /// The low half of a 64-bit draw, then its high half.
  std::uint32_t next32();
  /// Uniform in [0, limit]: as many low bits as `limit` needs, drawn until they fit.
  std::uint64_t up_to(std::uint64_t limit);

  Wide state_ = 0, increment_ = 0;
  std::optional<std::uint32_t> left_;
};

}  // namespace lmf::data
