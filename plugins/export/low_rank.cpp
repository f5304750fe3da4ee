#include "low_rank.hpp"

#include <algorithm>
#include <cmath>

namespace lmf::exporter {
namespace {

constexpr std::int64_t kTile = 512;  // columns at a time: a tile of `a` stays in the first cache while all rows pass

[[gnu::always_inline]] inline void add(float* rows, std::int64_t count, std::int64_t width, const float* b,
                                       const float* a, std::int64_t rank, float scale) {
  float sum[kTile];
  for (std::int64_t left = 0; left < width; left += kTile) {
    const std::int64_t tile = std::min(kTile, width - left);
    for (std::int64_t row = 0; row < count; ++row) {
      std::fill_n(sum, tile, 0.0f);
      for (std::int64_t k = 0; k < rank; ++k) {
        const float factor = b[row * rank + k];
        const float* from = a + k * width + left;
        for (std::int64_t i = 0; i < tile; ++i) sum[i] = std::fma(factor, from[i], sum[i]);
      }
      float* to = rows + row * width + left;
      for (std::int64_t i = 0; i < tile; ++i) to[i] += scale * sum[i];
    }
  }
}

#ifdef __x86_64__
[[gnu::target("avx2,fma")]] void add_wide(float* rows, std::int64_t count, std::int64_t width, const float* b,
                                          const float* a, std::int64_t rank, float scale) {
  add(rows, count, width, b, a, rank, scale);
}
#endif

}  // namespace

void add_low_rank(float* rows, std::int64_t count, std::int64_t width, const float* b, const float* a,
                  std::int64_t rank, float scale) {
#ifdef __x86_64__
  // Without them the C library multiplies and adds: the same numbers, slower.
  static const bool wide = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
  if (wide) return add_wide(rows, count, width, b, a, rank, scale);
#endif
  add(rows, count, width, b, a, rank, scale);
}

}  // namespace lmf::exporter
