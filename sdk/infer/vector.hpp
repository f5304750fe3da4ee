#pragma once

// Vectors as wide as the level's instructions, for the sources that are compiled once for each level (see
// CMakeLists.txt). Nothing of the standard library is used there: an inline function of it, compiled for newer
// processors, could be the one that the linker keeps for everybody.
#include "infer/kernels.hpp"

#ifdef __SSE2__
#include <immintrin.h>
#endif

#define LMF_INLINE inline __attribute__((always_inline))

namespace lmf::infer::LMF_LEVEL {
namespace {

using Index = std::int64_t;

#ifdef __AVX512F__
constexpr int kLanes = 16;
#elif defined __AVX2__
constexpr int kLanes = 8;
#else
constexpr int kLanes = 4;  // SSE2, NEON
#endif

using Vector [[gnu::vector_size(kLanes * 4)]] = float;
using LooseVector [[gnu::vector_size(kLanes * 4), gnu::aligned(4), gnu::may_alias]] = float;
using Ints [[gnu::vector_size(kLanes * 4)]] = std::int32_t;

LMF_INLINE Vector load(const float* p) { return *reinterpret_cast<const LooseVector*>(p); }
LMF_INLINE void store(float* p, Vector v) { *reinterpret_cast<LooseVector*>(p) = v; }
LMF_INLINE Vector all(float value) { return value - Vector{}; }

/// Adds the halves of every part of 2 · H lanes: those of a become the first parts of the result, those of b the last.
template <int H>
LMF_INLINE Vector add_halves(Vector a, Vector b) {
  Ints low = {};
#pragma GCC unroll 16
  for (int i = 0; i < kLanes; ++i) low[i] = i / H * 2 * H + i % H;
#ifdef __clang__
  Vector firsts = {}, seconds = {};
  for (int i = 0; i < kLanes; ++i) {
    const int first = low[i], second = first + H;
    firsts[i] = first < kLanes ? a[first] : b[first - kLanes];
    seconds[i] = second < kLanes ? a[second] : b[second - kLanes];
  }
  return firsts + seconds;
#else
  return __builtin_shuffle(a, b, low) + __builtin_shuffle(a, b, low + H);
#endif
}

template <int H = kLanes / 2>
LMF_INLINE Vector add_lanes(Vector v) {
  if constexpr (H == 0)
    return v;
  else
    return add_lanes<H / 2>(add_halves<H>(v, v));
}

LMF_INLINE float sum(Vector v) { return add_lanes(v)[0]; }

}  // namespace
}  // namespace lmf::infer::LMF_LEVEL
