#include "infer/vector.hpp"

namespace lmf::infer::LMF_LEVEL {

// kernels_products.cpp's
void multiply(const Matrix& w, const Input& input, Index tokens, Index begin, Index end, float* y, Index y_stride);
void round(const float* x, Index columns, std::int16_t* rounded, float* scales);

namespace {

constexpr float kInfinity = __builtin_inff();

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
const Kernels kKernels = {LMF_STRING(LMF_LEVEL), multiply, round, attend, normalise, activate};

}  // namespace lmf::infer::LMF_LEVEL
