#include "infer/vector.hpp"

namespace lmf::infer::LMF_LEVEL {
namespace {

constexpr int kTileTokens = 4, kDenseTileRows = kLanes == 16 ? 4 : 2;  // what the registers hold
constexpr Index kTokenBlock = 8;                 // of which x stays in the first-level cache while the rows pass by
constexpr Index kCacheLine = 64, kAhead = 8192;  // bytes; nearer or farther is slower

using Words [[gnu::vector_size(kLanes * 4)]] = std::uint32_t;
using Shorts [[gnu::vector_size(kLanes * 4)]] = std::int16_t;
using LooseHalves [[gnu::vector_size(kLanes * 2), gnu::aligned(2), gnu::may_alias]] = std::uint16_t;
using LooseBytes [[gnu::vector_size(kLanes), gnu::aligned(1), gnu::may_alias]] = std::int8_t;
using LooseShorts [[gnu::vector_size(kLanes * 4), gnu::aligned(2), gnu::may_alias]] = std::int16_t;
using LooseManyBytes [[gnu::vector_size(kLanes * 2), gnu::aligned(1), gnu::may_alias]] = std::int8_t;

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

/// Twice as many as a Vector has lanes.
LMF_INLINE Shorts widen_to_shorts(const std::int8_t* p) {
#if defined __AVX512F__
  return reinterpret_cast<Shorts>(_mm512_cvtepi8_epi16(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p))));
#elif defined __AVX2__
  return reinterpret_cast<Shorts>(_mm256_cvtepi8_epi16(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p))));
#elif defined __SSE2__
  const __m128i bytes = _mm_loadl_epi64(reinterpret_cast<const __m128i*>(p));
  return reinterpret_cast<Shorts>(_mm_srai_epi16(_mm_unpacklo_epi8(bytes, bytes), 8));
#else
  return __builtin_convertvector(*reinterpret_cast<const LooseManyBytes*>(p), Shorts);
#endif
}

/// sums + the products of neighbours, two to a lane.
LMF_INLINE Ints add_products(Ints sums, Shorts a, Shorts b) {
#if defined __AVX512VNNI__
  return reinterpret_cast<Ints>(
      _mm512_dpwssd_epi32(reinterpret_cast<__m512i>(sums), reinterpret_cast<__m512i>(a), reinterpret_cast<__m512i>(b)));
#elif defined __AVX512F__
  return sums + reinterpret_cast<Ints>(_mm512_madd_epi16(reinterpret_cast<__m512i>(a), reinterpret_cast<__m512i>(b)));
#elif defined __AVX2__
  return sums + reinterpret_cast<Ints>(_mm256_madd_epi16(reinterpret_cast<__m256i>(a), reinterpret_cast<__m256i>(b)));
#elif defined __SSE2__
  return sums + reinterpret_cast<Ints>(_mm_madd_epi16(reinterpret_cast<__m128i>(a), reinterpret_cast<__m128i>(b)));
#else
  const Ints low = (reinterpret_cast<Ints>(a) << 16 >> 16) * (reinterpret_cast<Ints>(b) << 16 >> 16);
  return sums + low + (reinterpret_cast<Ints>(a) >> 16) * (reinterpret_cast<Ints>(b) >> 16);
#endif
}

/// The sum of each of T vectors, the same bits as sum()'s, with fewer instructions for four.
template <int T>
LMF_INLINE void sums_of(const Vector (&v)[T], float (&sums)[T]) {
  if constexpr (T == 4) {
    const Vector pairs = add_halves<kLanes / 4>(add_halves<kLanes / 2>(v[0], v[1]), add_halves<kLanes / 2>(v[2], v[3]));
    const Vector all_four = add_lanes<kLanes / 8>(pairs);
#pragma GCC unroll 4
    for (int t = 0; t < T; ++t) sums[t] = all_four[t];
  } else {
#pragma GCC unroll 4
    for (int t = 0; t < T; ++t) sums[t] = sum(v[t]);
  }
}

// A row of weights. For one token kRowsAtOnce of them are read beside each other: one after the other comes from memory
// fastest, where its sum alone keeps up with that. add(xs, c, sums) adds the products of kStep columns from c on
// with those of each of T tokens, one(c) is column c by itself.

template <class Row>
struct DenseRow {
  static constexpr Index kStep = kLanes;
  static constexpr int kRowsAtOnce = kLanes == 16 ? 1 : 4, kTileRows = kDenseTileRows;
  template <int T>
  LMF_INLINE void add(const Vector (&xs)[1][T], Index c, Vector (&sums)[T]) const {
    const Vector weights = static_cast<const Row*>(this)->lanes(c);
#pragma GCC unroll 4
    for (int t = 0; t < T; ++t) sums[t] += weights * xs[0][t];
  }
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
  static constexpr int kRowsAtOnce = 4, kTileRows = kDenseTileRows;
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
};

template <int R, int T, class Row>
LMF_INLINE void tile_of_floats(const Matrix& w, Index row, const float* x, float* y, Index y_stride) {
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
  for (int r = 0; r < R; ++r) {
    float products[T];
    sums_of(sums[r], products);
#pragma GCC unroll 4
    for (int t = 0; t < T; ++t) {
      for (Index rest = c; rest < w.columns; ++rest) products[t] += rows[r].one(rest) * x[t * w.columns + rest];
      y[t * y_stride + r] = products[t];
    }
  }
}

/// Of int8 weights and rounded inputs.
template <int R, int T>
LMF_INLINE void tile_of_int8(const Matrix& w, Index row, const Input& input, Index token, float* y, Index y_stride) {
  constexpr Index kStep = 2 * kLanes;
  const std::int8_t* rows = static_cast<const std::int8_t*>(w.values) + row * w.columns;
  const std::int16_t* x = input.rounded + token * w.columns;
  const Index blocks = rounded_blocks(w.columns);
  const float* scales = input.scales + token * blocks;
  Vector sums[R][T] = {};
  for (Index block = 0; block < blocks; ++block) {
    asm("" : "+m"(sums));  // they stay in memory: the registers are for the products
    Ints products[R][T] = {};
    const auto step = [&](Index c) __attribute__((always_inline)) {
#pragma GCC unroll 4
      for (int r = 0; r < R; ++r) {
        const Shorts weights = widen_to_shorts(rows + r * w.columns + c);
#pragma GCC unroll 4
        for (int t = 0; t < T; ++t)
          products[r][t] =
              add_products(products[r][t], weights, *reinterpret_cast<const LooseShorts*>(x + t * w.columns + c));
      }
    };
    Index c = block * kRoundedBlock;
    if (c + kRoundedBlock <= w.columns) {
#pragma GCC unroll 4
      for (int r = 0; r < R; ++r)
#pragma GCC unroll 2
        for (Index line = 0; line < kRoundedBlock; line += kCacheLine)
          __builtin_prefetch(rows + r * w.columns + c + line + kAhead / 2, 0, 2);
#pragma GCC unroll 16
      for (Index i = 0; i < kRoundedBlock; i += kStep) step(c + i);
    } else {
      for (; c + kStep <= w.columns; c += kStep) step(c);
      for (; c < w.columns; ++c)
        for (int r = 0; r < R; ++r)
          for (int t = 0; t < T; ++t) products[r][t][0] += rows[r * w.columns + c] * x[t * w.columns + c];
    }
#pragma GCC unroll 4
    for (int t = 0; t < T; ++t)
#pragma GCC unroll 4
      for (int r = 0; r < R; ++r)
        sums[r][t] += __builtin_convertvector(products[r][t], Vector) * scales[t * blocks + block];
  }
#pragma GCC unroll 4
  for (int r = 0; r < R; ++r) {
    float of_row[T];
    sums_of(sums[r], of_row);
#pragma GCC unroll 4
    for (int t = 0; t < T; ++t) y[t * y_stride + r] = of_row[t] * w.scales[row + r];
  }
}

/// Of tile_of_int8(): there one row after the other is fastest at every level.
struct Int8Row {
  static constexpr int kRowsAtOnce = 1, kTileRows = 4;
};

template <int R, int T, class Row>
LMF_INLINE void tile(const Matrix& w, Index row, const Input& input, Index token, float* y, Index y_stride) {
  if constexpr (__is_same(Row, Int8Row))
    tile_of_int8<R, T>(w, row, input, token, y, y_stride);
  else
    tile_of_floats<R, T, Row>(w, row, input.x + token * w.columns, y, y_stride);
}

// Not inlined: GCC shares out the registers of a function for all that is in it.
template <int T, class Row>
[[gnu::noinline]] void rows_of(const Matrix& w, const Input& input, Index token, Index begin, Index end, float* y,
                               Index y_stride) {
  constexpr int R = T == 1 ? Row::kRowsAtOnce : Row::kTileRows;
  y += token * y_stride;
  Index row = begin;
  for (; row + R <= end; row += R) tile<R, T, Row>(w, row, input, token, y + row, y_stride);
  for (; row < end; ++row) tile<1, T, Row>(w, row, input, token, y + row, y_stride);
}

template <class Row>
LMF_INLINE void multiply_rows(const Matrix& w, const Input& input, Index tokens, Index begin, Index end, float* y,
                              Index y_stride) {
  Index t = 0;
  // The tiles of a block pass by the same few rows before the next ones are read.
  for (; t + kTokenBlock <= tokens; t += kTokenBlock)
    for (Index row = begin; row < end; row += Row::kTileRows) {
      const Index last = row + Row::kTileRows < end ? row + Row::kTileRows : end;
      for (Index part = t; part < t + kTokenBlock; part += kTileTokens)
        rows_of<kTileTokens, Row>(w, input, part, row, last, y, y_stride);
    }
  for (; t + kTileTokens <= tokens; t += kTileTokens) rows_of<kTileTokens, Row>(w, input, t, begin, end, y, y_stride);
  switch (tokens - t) {
    case 3:
      return rows_of<3, Row>(w, input, t, begin, end, y, y_stride);
    case 2:
      return rows_of<2, Row>(w, input, t, begin, end, y, y_stride);
    case 1:
      return rows_of<1, Row>(w, input, t, begin, end, y, y_stride);
    default:
      return;
  }
}

}  // namespace

void multiply(const Matrix& w, const Input& input, Index tokens, Index begin, Index end, float* y, Index y_stride) {
  switch (w.format) {
    case WeightFormat::fp32:
      return multiply_rows<Fp32Row>(w, input, tokens, begin, end, y, y_stride);
    case WeightFormat::bf16:
      return multiply_rows<Bf16Row>(w, input, tokens, begin, end, y, y_stride);
    case WeightFormat::int8:
      return multiply_rows<Int8Row>(w, input, tokens, begin, end, y, y_stride);
    case WeightFormat::int4:
      return multiply_rows<Int4Row>(w, input, tokens, begin, end, y, y_stride);
  }
}

void round(const float* x, Index columns, std::int16_t* rounded, float* scales) {
  for (Index first = 0; first < columns; first += kRoundedBlock) {
    const Index size = columns - first < kRoundedBlock ? columns - first : kRoundedBlock;
    // As whole numbers, magnitudes have the same order, and one that is not a number is the largest.
    std::uint32_t largest = 0;
    for (Index i = 0; i < size; ++i) {
      const std::uint32_t magnitude = __builtin_bit_cast(std::uint32_t, x[first + i]) & 0x7fffffffu;
      largest = magnitude > largest ? magnitude : largest;
    }
    const float scale = __builtin_bit_cast(float, largest) / 32767;
    const float factor = __builtin_isnormal(scale) ? 1 / scale : 0;
    *scales++ = scale;
    // The sum's last bits are the whole number, in two's complement.
    constexpr float kShift = 3 << 22;
    for (Index i = 0; i < size; ++i)
      rounded[first + i] = static_cast<std::int16_t>(__builtin_bit_cast(std::uint32_t, x[first + i] * factor + kShift));
  }
}

}  // namespace lmf::infer::LMF_LEVEL
