// The kernels, compiled once for each level of the processor's instructions (see CMakeLists.txt). Nothing of the
// standard library is used: an inline function of it, compiled here for newer processors, could be the one that the
// linker keeps for everybody.
#include "infer/kernels.hpp"

#ifdef __AVX2__
#include <immintrin.h>
#endif

#define LMF_INLINE inline __attribute__((always_inline))

namespace lmf::infer::LMF_LEVEL {
namespace {

using Index = std::int64_t;

#ifdef __AVX512F__
constexpr int kLanes = 16;
constexpr int kTileRows = 4;  // of a tile of rows x 4 tokens: what the registers hold
#elif defined __AVX2__
constexpr int kLanes = 8;
constexpr int kTileRows = 2;
#else
constexpr int kLanes = 4;  // SSE2, NEON
constexpr int kTileRows = 2;
#endif
constexpr int kTileTokens = 4;
constexpr Index kTokenBlock = 8;  // of which x stays in the first-level cache while the rows pass by
constexpr float kInfinity = __builtin_inff();

using Vector [[gnu::vector_size(kLanes * 4)]] = float;
using LooseVector [[gnu::vector_size(kLanes * 4), gnu::aligned(4), gnu::may_alias]] = float;
using Words [[gnu::vector_size(kLanes * 4)]] = std::uint32_t;
using Ints [[gnu::vector_size(kLanes * 4)]] = std::int32_t;
using LooseHalves [[gnu::vector_size(kLanes * 2), gnu::aligned(2), gnu::may_alias]] = std::uint16_t;
using LooseBytes [[gnu::vector_size(kLanes), gnu::aligned(1), gnu::may_alias]] = std::int8_t;

LMF_INLINE Vector load(const float* p) { return *reinterpret_cast<const LooseVector*>(p); }
LMF_INLINE void store(float* p, Vector v) { *reinterpret_cast<LooseVector*>(p) = v; }
LMF_INLINE Vector all(float value) { return value - Vector{}; }

// GCC 12 widens a vector of bytes lane by lane unless it is told the instruction.
LMF_INLINE Ints widen(const std::int8_t* p) {
#if defined __AVX512F__
  return reinterpret_cast<Ints>(_mm512_cvtepi8_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p))));
#elif defined __AVX2__
  return reinterpret_cast<Ints>(_mm256_cvtepi8_epi32(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(p))));
#else
  return __builtin_convertvector(*reinterpret_cast<const LooseBytes*>(p), Ints);
#endif
}

LMF_INLINE float sum(Vector v) {
#pragma GCC unroll 8
  for (int half = kLanes / 2; half > 0; half /= 2)
#pragma GCC unroll 8
    for (int i = 0; i < half; ++i) v[i] += v[i + half];
  return v[0];
}

// A row of weights: lanes(c) are the columns c to c + kLanes - 1, one(c) is column c, both before finish().

struct Fp32Row {
  const float* values;
  LMF_INLINE Fp32Row(const Matrix& w, Index row) : values(static_cast<const float*>(w.values) + row * w.columns) {}
  LMF_INLINE Vector lanes(Index c) const { return load(values + c); }
  LMF_INLINE float one(Index c) const { return values[c]; }
  LMF_INLINE float finish(float y) const { return y; }
};

struct Bf16Row {
  const std::uint16_t* values;
  LMF_INLINE Bf16Row(const Matrix& w, Index row)
      : values(static_cast<const std::uint16_t*>(w.values) + row * w.columns) {}
  LMF_INLINE Vector lanes(Index c) const {
    const Words bits = __builtin_convertvector(*reinterpret_cast<const LooseHalves*>(values + c), Words) << 16;
    return reinterpret_cast<Vector>(bits);
  }
  LMF_INLINE float one(Index c) const { return __builtin_bit_cast(float, std::uint32_t{values[c]} << 16); }
  LMF_INLINE float finish(float y) const { return y; }
};

struct Int8Row {
  const std::int8_t* values;
  float scale;
  LMF_INLINE Int8Row(const Matrix& w, Index row)
      : values(static_cast<const std::int8_t*>(w.values) + row * w.columns), scale(w.scales[row]) {}
  LMF_INLINE Vector lanes(Index c) const { return __builtin_convertvector(widen(values + c), Vector); }
  LMF_INLINE float one(Index c) const { return values[c]; }
  LMF_INLINE float finish(float y) const { return y * scale; }
};

struct Int4Row {
  const std::int8_t* values;
  const float* scales;
  LMF_INLINE Int4Row(const Matrix& w, Index row)
      : values(static_cast<const std::int8_t*>(w.values) + row * (w.columns / 2)),
        scales(w.scales + row * (w.columns / kInt4Group)) {}
  LMF_INLINE Vector lanes(Index c) const {
    const Index group = c / kInt4Group, within = c % kInt4Group;
    const Ints pairs = widen(values + group * (kInt4Group / 2) + within % (kInt4Group / 2));
    const Ints halves = (within < kInt4Group / 2 ? pairs : pairs >> 4) & 15;
    return (__builtin_convertvector(halves, Vector) - 8.0f) * scales[group];
  }
  LMF_INLINE float one(Index) const { return 0; }  // columns are a multiple of the group
  LMF_INLINE float finish(float y) const { return y; }
};

template <int R, int T, class Row>
LMF_INLINE void tile(const Matrix& w, Index row, const float* x, float* y, Index y_stride) {
  const auto make = [&](int r) { return Row(w, row + (r < R ? r : 0)); };
  const Row rows[4] = {make(0), make(1), make(2), make(3)};
  Vector sums[R][T] = {};
  Index c = 0;
  for (; c + kLanes <= w.columns; c += kLanes) {
    Vector xs[T];
#pragma GCC unroll 4
    for (int t = 0; t < T; ++t) xs[t] = load(x + t * w.columns + c);
#pragma GCC unroll 4
    for (int r = 0; r < R; ++r) {
      const Vector lanes = rows[r].lanes(c);
#pragma GCC unroll 4
      for (int t = 0; t < T; ++t) sums[r][t] += lanes * xs[t];
    }
  }
#pragma GCC unroll 4
  for (int r = 0; r < R; ++r)
#pragma GCC unroll 4
    for (int t = 0; t < T; ++t) {
      float y_rt = sum(sums[r][t]);
      for (Index rest = c; rest < w.columns; ++rest) y_rt += rows[r].one(rest) * x[t * w.columns + rest];
      y[t * y_stride + r] = rows[r].finish(y_rt);
    }
}

template <int T, class Row>
LMF_INLINE void rows_of(const Matrix& w, const float* x, Index begin, Index end, float* y, Index y_stride) {
  constexpr int R = T == 1 ? 4 : kTileRows;  // several rows at once also for one token: more is read ahead
  Index row = begin;
  for (; row + R <= end; row += R) tile<R, T, Row>(w, row, x, y + row, y_stride);
  for (; row < end; ++row) tile<1, T, Row>(w, row, x, y + row, y_stride);
}

template <class Row>
LMF_INLINE void multiply_rows(const Matrix& w, const float* x, Index tokens, Index begin, Index end, float* y,
                              Index y_stride) {
  Index t = 0;
  // The tiles of a block pass by the same few rows before the next ones are read.
  for (; t + kTokenBlock <= tokens; t += kTokenBlock)
    for (Index row = begin; row < end; row += kTileRows) {
      const Index last = row + kTileRows < end ? row + kTileRows : end;
      for (Index part = t; part < t + kTokenBlock; part += kTileTokens)
        rows_of<kTileTokens, Row>(w, x + part * w.columns, row, last, y + part * y_stride, y_stride);
    }
  for (; t + kTileTokens <= tokens; t += kTileTokens)
    rows_of<kTileTokens, Row>(w, x + t * w.columns, begin, end, y + t * y_stride, y_stride);
  switch (tokens - t) {
    case 3:
      return rows_of<3, Row>(w, x + t * w.columns, begin, end, y + t * y_stride, y_stride);
    case 2:
      return rows_of<2, Row>(w, x + t * w.columns, begin, end, y + t * y_stride, y_stride);
    case 1:
      return rows_of<1, Row>(w, x + t * w.columns, begin, end, y + t * y_stride, y_stride);
    default:
      return;
  }
}

void multiply(const Matrix& w, const float* x, Index tokens, Index begin, Index end, float* y, Index y_stride) {
  switch (w.format) {
    case WeightFormat::fp32:
      return multiply_rows<Fp32Row>(w, x, tokens, begin, end, y, y_stride);
    case WeightFormat::bf16:
      return multiply_rows<Bf16Row>(w, x, tokens, begin, end, y, y_stride);
    case WeightFormat::int8:
      return multiply_rows<Int8Row>(w, x, tokens, begin, end, y, y_stride);
    case WeightFormat::int4:
      return multiply_rows<Int4Row>(w, x, tokens, begin, end, y, y_stride);
  }
}

/// e^x within 2 ulp from -87 to 88, 0 below and e^88 above (Cody & Waite's reduction to |r| <= ln 2 / 2, then Taylor to
/// r^7 / 7!).
LMF_INLINE Vector exponential(Vector x) {
  const Vector low = all(-87.0f);
  const auto tiny = x < low;
  x = tiny ? low : x;
  x = x > 88.0f ? all(88.0f) : x;
  const Vector scaled = x * 1.44269504088896341f;
  const Ints power = __builtin_convertvector(scaled + (scaled < 0 ? all(-0.5f) : all(0.5f)), Ints);
  const Vector n = __builtin_convertvector(power, Vector);
  const Vector r = (x - n * 0.693359375f) + n * 2.12194440e-4f;
  Vector y = all(1.0f / 5040);
  y = y * r + 1.0f / 720;
  y = y * r + 1.0f / 120;
  y = y * r + 1.0f / 24;
  y = y * r + 1.0f / 6;
  y = y * r + 0.5f;
  y = y * r + 1.0f;
  y = y * r + 1.0f;
  const Vector result = y * reinterpret_cast<Vector>((power + 127) << 23);
  return tiny ? all(0.0f) : result;
}

/// The scores of one block of keys for one query, those outside [begin, end) minus infinity.
LMF_INLINE void score_block(const float* q, const float* block, Index head_dim, float scale, Index first, Index begin,
                            Index end, float* scores) {
  constexpr int kParts = static_cast<int>(kKeyBlock) / kLanes;
  Vector sums[kParts] = {};
  for (Index d = 0; d < head_dim; ++d)
#pragma GCC unroll 2
    for (int part = 0; part < kParts; ++part) sums[part] += load(block + d * kKeyBlock + part * kLanes) * q[d];
#pragma GCC unroll 2
  for (int part = 0; part < kParts; ++part) store(scores + part * kLanes, sums[part] * scale);
  for (Index i = 0; i < kKeyBlock; ++i)
    if (first + i < begin || first + i >= end) scores[i] = -kInfinity;
}

void attend_one(const float* q, const float* keys, const float* values, Index begin, Index end, Index head_dim,
                float scale, float* out) {
  // Blocks lie at fixed places, whatever the range is, and each is added by itself (Milakov & Gimelshein 2018,
  // arXiv:1805.02867): the order of the sums depends on the position alone.
  constexpr Index kBlocks = 4, kTokens = kBlocks * kKeyBlock;
  float largest = -kInfinity, total = 0;
  for (Index d = 0; d < head_dim; ++d) out[d] = 0;
  for (Index first = begin / kTokens * kTokens; first < end; first += kTokens) {
    float weights[kTokens];
    Index blocks = (end - first + kKeyBlock - 1) / kKeyBlock;
    if (blocks > kBlocks) blocks = kBlocks;
    for (Index b = 0; b < blocks; ++b)
      score_block(q, keys + (first + b * kKeyBlock) * head_dim, head_dim, scale, first + b * kKeyBlock, begin, end,
                  weights + b * kKeyBlock);
    float most = largest;
    for (Index i = 0; i < blocks * kKeyBlock; ++i) most = weights[i] > most ? weights[i] : most;
    if (most == -kInfinity) continue;  // a window that begins beyond this block
    Vector added = {};
    for (Index i = 0; i < blocks * kKeyBlock; i += kLanes) {
      const Vector weight = exponential(load(weights + i) - most);
      store(weights + i, weight);
      added += weight;
    }
    const float kept = exponential(all(largest - most))[0];
    total = total * kept + sum(added);
    largest = most;
    const Index last = end - first < kTokens ? end - first : kTokens, from = begin > first ? begin - first : 0;
    Index d = 0;
    for (; d + kLanes <= head_dim; d += kLanes) {
      Vector v = load(out + d) * kept;
      for (Index i = from; i < last; ++i) v += load(values + (first + i) * head_dim + d) * weights[i];
      store(out + d, v);
    }
    for (; d < head_dim; ++d) {
      float v = out[d] * kept;
      for (Index i = from; i < last; ++i) v += values[(first + i) * head_dim + d] * weights[i];
      out[d] = v;
    }
  }
  for (Index d = 0; d < head_dim; ++d) out[d] /= total;
}

void attend(const float* q, const float* keys, const float* values, Index begin, Index end, Index heads, Index head_dim,
            float scale, float* out) {
  for (Index head = 0; head < heads; ++head)
    attend_one(q + head * head_dim, keys, values, begin, end, head_dim, scale, out + head * head_dim);
}

void normalise(const float* x, const float* weight, float epsilon, Index size, float* out) {
  Vector squares = {};
  Index c = 0;
  for (; c + kLanes <= size; c += kLanes) squares += load(x + c) * load(x + c);
  float total = sum(squares);
  for (; c < size; ++c) total += x[c] * x[c];
  const float factor = 1.0f / __builtin_sqrtf(total / static_cast<float>(size) + epsilon);
  for (c = 0; c + kLanes <= size; c += kLanes) store(out + c, load(x + c) * factor * load(weight + c));
  for (; c < size; ++c) out[c] = x[c] * factor * weight[c];
}

void activate(float* gate, const float* up, Index size) {
  const auto silu = [](Vector x) { return x / (1.0f + exponential(-x)); };
  Index c = 0;
  for (; c + kLanes <= size; c += kLanes) store(gate + c, silu(load(gate + c)) * load(up + c));
  for (; c < size; ++c) gate[c] = silu(all(gate[c]))[0] * up[c];
}

}  // namespace

#define LMF_TEXT(x) #x
#define LMF_STRING(x) LMF_TEXT(x)
extern const Kernels kKernels;  // kernels.cpp's
const Kernels kKernels = {LMF_STRING(LMF_LEVEL), multiply, attend, normalise, activate};

}  // namespace lmf::infer::LMF_LEVEL
