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
constexpr Index kTokenBlock = 8;                 // of which x stays in the first-level cache while the rows pass by
constexpr Index kCacheLine = 64, kAhead = 8192;  // bytes; nearer or farther is slower
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

// GCC 12 widens lane by lane unless it is told the instruction.
LMF_INLINE Ints widen(const std::int8_t* p) {
#if defined __AVX512F__
  return reinterpret_cast<Ints>(_mm512_cvtepi8_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p))));
#elif defined __AVX2__
  return reinterpret_cast<Ints>(_mm256_cvtepi8_epi32(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(p))));
#else
  return __builtin_convertvector(*reinterpret_cast<const LooseBytes*>(p), Ints);
#endif
}

LMF_INLINE Words widen(const std::uint16_t* p) {
#if defined __AVX512F__
  return reinterpret_cast<Words>(_mm512_cvtepu16_epi32(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p))));
#elif defined __AVX2__
  return reinterpret_cast<Words>(_mm256_cvtepu16_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p))));
#else
  return __builtin_convertvector(*reinterpret_cast<const LooseHalves*>(p), Words);
#endif
}

LMF_INLINE float sum(Vector v) {
#pragma GCC unroll 8
  for (int half = kLanes / 2; half > 0; half /= 2)
#pragma GCC unroll 8
    for (int i = 0; i < half; ++i) v[i] += v[i + half];
  return v[0];
}

// A row of weights. For one token kRowsAtOnce of them are read beside each other: one after the other comes from memory
// fastest, where its sum alone keeps up with that. add(x, stride, c, sums) adds the products of kStep columns from c on
// with those of each of T tokens, one(c) is column c by itself; finish() makes y of the sum.

template <class Row>
struct DenseRow {
  static constexpr Index kStep = kLanes;
  static constexpr int kRowsAtOnce = kLanes == 16 ? 1 : 4;
  template <int T>
  LMF_INLINE void add(const Vector (&xs)[1][T], Index c, Vector (&sums)[T]) const {
    const Vector weights = static_cast<const Row*>(this)->lanes(c);
#pragma GCC unroll 4
    for (int t = 0; t < T; ++t) sums[t] += weights * xs[0][t];
  }
  LMF_INLINE float finish(float y) const { return y; }
};

struct Fp32Row : DenseRow<Fp32Row> {
  static constexpr Index kColumnsOfLine = kCacheLine / 4;
  const float* values;
  LMF_INLINE Fp32Row(const Matrix& w, Index row) : values(static_cast<const float*>(w.values) + row * w.columns) {}
  LMF_INLINE Vector lanes(Index c) const { return load(values + c); }
  LMF_INLINE float one(Index c) const { return values[c]; }
};

struct Bf16Row : DenseRow<Bf16Row> {
  static constexpr Index kColumnsOfLine = kCacheLine / 2;
  const std::uint16_t* values;
  LMF_INLINE Bf16Row(const Matrix& w, Index row)
      : values(static_cast<const std::uint16_t*>(w.values) + row * w.columns) {}
  LMF_INLINE Vector lanes(Index c) const { return reinterpret_cast<Vector>(widen(values + c) << 16); }
  LMF_INLINE float one(Index c) const { return __builtin_bit_cast(float, std::uint32_t{values[c]} << 16); }
};

struct Int8Row : DenseRow<Int8Row> {
  static constexpr Index kColumnsOfLine = kCacheLine;
  static constexpr int kRowsAtOnce = 4;
  const std::int8_t* values;
  float scale;
  LMF_INLINE Int8Row(const Matrix& w, Index row)
      : values(static_cast<const std::int8_t*>(w.values) + row * w.columns), scale(w.scales[row]) {}
  LMF_INLINE Vector lanes(Index c) const { return __builtin_convertvector(widen(values + c), Vector); }
  LMF_INLINE float one(Index c) const { return values[c]; }
  LMF_INLINE float finish(float y) const { return y * scale; }
};

/// The low halves of integers as the weights that they stand for.
LMF_INLINE Vector int4_weights(Ints halves) {
#ifdef __AVX512F__
  const Vector values = {-8, -7, -6, -5, -4, -3, -2, -1, 0, 1, 2, 3, 4, 5, 6, 7};
  return reinterpret_cast<Vector>(
      _mm512_permutexvar_ps(reinterpret_cast<__m512i>(halves), reinterpret_cast<__m512>(values)));
#else
  return __builtin_convertvector(halves & 15, Vector) - 8.0f;
#endif
}

struct Int4Row {
  static constexpr Index kStep = kInt4Group, kColumnsOfLine = 2 * kCacheLine;
  static constexpr int kRowsAtOnce = 4;
  static constexpr int kParts = static_cast<int>(kInt4Group) / kLanes;
  const std::int8_t* values;
  const float* scales;
  LMF_INLINE Int4Row(const Matrix& w, Index row)
      : values(static_cast<const std::int8_t*>(w.values) + row * (w.columns / 2)),
        scales(w.scales + row * (w.columns / kInt4Group)) {}
  template <int T>
  LMF_INLINE void add(const Vector (&xs)[kParts][T], Index c, Vector (&sums)[T]) const {
    Vector weights[kParts];
#pragma GCC unroll 4
    for (int part = 0; part < kParts / 2; ++part) {
      const Ints pairs = widen(values + c / 2 + part * kLanes);
      weights[part] = int4_weights(pairs);
      weights[part + kParts / 2] = int4_weights(pairs >> 4);
    }
#pragma GCC unroll 4
    for (int t = 0; t < T; ++t) {
      Vector of_group = {};
#pragma GCC unroll 8
      for (int part = 0; part < kParts; ++part) of_group += weights[part] * xs[part][t];
      sums[t] += of_group * scales[c / kInt4Group];
    }
  }
  LMF_INLINE float one(Index) const { return 0; }  // columns are a multiple of the group
  LMF_INLINE float finish(float y) const { return y; }
};

template <int R, int T, class Row>
LMF_INLINE void tile(const Matrix& w, Index row, const float* x, float* y, Index y_stride) {
  const auto make = [&](int r) { return Row(w, row + (r < R ? r : 0)); };
  const Row rows[4] = {make(0), make(1), make(2), make(3)};
  Vector sums[R][T] = {};
  const auto step = [&](Index c) __attribute__((always_inline)) {
    constexpr int kParts = static_cast<int>(Row::kStep) / kLanes;
    Vector xs[kParts][T];
#pragma GCC unroll 8
    for (int part = 0; part < kParts; ++part)
#pragma GCC unroll 4
      for (int t = 0; t < T; ++t) xs[part][t] = load(x + t * w.columns + c + part * kLanes);
#pragma GCC unroll 4
    for (int r = 0; r < R; ++r) rows[r].add(xs, c, sums[r]);
  };
  Index c = 0;
  // A processor that sees several short rows begin and end reads too little ahead by itself: asked for into the
  // second-level cache, weights come from memory two to three times as fast (one to eight tokens, AVX2 and AVX-512).
  for (; c + Row::kColumnsOfLine <= w.columns; c += Row::kColumnsOfLine) {
#pragma GCC unroll 4
    for (int r = 0; r < R; ++r)
      __builtin_prefetch(reinterpret_cast<const char*>(rows[r].values) + c / Row::kColumnsOfLine * kCacheLine + kAhead,
                         0, 2);
#pragma GCC unroll 16
    for (Index i = 0; i < Row::kColumnsOfLine; i += Row::kStep) step(c + i);
  }
  for (; c + Row::kStep <= w.columns; c += Row::kStep) step(c);
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
  constexpr int R = T == 1 ? Row::kRowsAtOnce : kTileRows;
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

/// The scores of `B` blocks of keys for one query.
template <int B>
LMF_INLINE void score_blocks(const float* q, const float* keys, Index head_dim, float scale, float* scores) {
  constexpr int kParts = static_cast<int>(kKeyBlock) / kLanes;
  Vector sums[B][kParts] = {};
  for (Index d = 0; d < head_dim; ++d)
#pragma GCC unroll 4
    for (int b = 0; b < B; ++b)
#pragma GCC unroll 4
      for (int part = 0; part < kParts; ++part)
        sums[b][part] += load(keys + (b * head_dim + d) * kKeyBlock + part * kLanes) * q[d];
#pragma GCC unroll 4
  for (int b = 0; b < B; ++b)
#pragma GCC unroll 4
    for (int part = 0; part < kParts; ++part) store(scores + b * kKeyBlock + part * kLanes, sums[b][part] * scale);
}

/// Adds the values of the tokens [from, last), weighted, to `kept` times N vectors of out.
template <int N>
LMF_INLINE void add_values(const float* values, const float* weights, Index from, Index last, Index head_dim,
                           float kept, float* out) {
  Vector sums[N];
#pragma GCC unroll 4
  for (int n = 0; n < N; ++n) sums[n] = load(out + n * kLanes) * kept;
  for (Index i = from; i < last; ++i)
#pragma GCC unroll 4
    for (int n = 0; n < N; ++n) sums[n] += load(values + i * head_dim + n * kLanes) * weights[i];
#pragma GCC unroll 4
  for (int n = 0; n < N; ++n) store(out + n * kLanes, sums[n]);
}

void attend_one(const float* q, const float* keys, const float* values, Index begin, Index end, Index head_dim,
                float scale, float* out) {
  // Blocks lie at fixed places, whatever the range is, and each is added by itself (Milakov & Gimelshein 2018,
  // arXiv:1805.02867): the order of the sums depends on the position alone.
  constexpr Index kBlocks = 4, kTokens = kBlocks * kKeyBlock;
  constexpr int kBlocksAtOnce = kLanes == 4 ? 2 : 4;  // sums that do not wait for each other: what the registers hold
  float largest = -kInfinity, total = 0;
  for (Index d = 0; d < head_dim; ++d) out[d] = 0;
  for (Index first = begin / kTokens * kTokens; first < end; first += kTokens) {
    float weights[kTokens];
    Index blocks = (end - first + kKeyBlock - 1) / kKeyBlock;
    if (blocks > kBlocks) blocks = kBlocks;
    Index b = 0;
    for (; b + kBlocksAtOnce <= blocks; b += kBlocksAtOnce)
      score_blocks<kBlocksAtOnce>(q, keys + (first + b * kKeyBlock) * head_dim, head_dim, scale,
                                  weights + b * kKeyBlock);
    for (; b < blocks; ++b)
      score_blocks<1>(q, keys + (first + b * kKeyBlock) * head_dim, head_dim, scale, weights + b * kKeyBlock);
    for (Index i = 0; i < begin - first; ++i) weights[i] = -kInfinity;
    for (Index i = end - first; i < blocks * kKeyBlock; ++i) weights[i] = -kInfinity;
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
    for (; d + 4 * kLanes <= head_dim; d += 4 * kLanes)
      add_values<4>(values + first * head_dim + d, weights, from, last, head_dim, kept, out + d);
    for (; d + kLanes <= head_dim; d += kLanes)
      add_values<1>(values + first * head_dim + d, weights, from, last, head_dim, kept, out + d);
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
