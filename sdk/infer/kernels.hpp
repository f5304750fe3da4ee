#pragma once

#include <cstdint>
#include <span>

namespace lmf::infer {

/// How a matrix of weights lies in memory, row after row; a row makes one output.
enum class WeightFormat {
  fp32,
  bf16,
  int8,  ///< signed, value = q · scale of the row
  int4,  ///< value = (q - 8) · scale of the group of 32 columns; the low halves of a group's 16 bytes are its columns
         ///< 0-15, the high ones 16-31
};
inline constexpr std::int64_t kInt4Group = 32;

struct Matrix {
  WeightFormat format = WeightFormat::fp32;
  const void* values = nullptr;
  const float* scales = nullptr;  ///< int8: [rows]; int4: [rows, columns / 32]; else null
  std::int64_t rows = 0, columns = 0;
};

/// What a matrix is multiplied with. int8 weights take the rounded numbers: products of whole numbers are exact in any
/// order and need half the instructions. 16 bits for each block of columns keep four digits of its largest.
inline constexpr std::int64_t kRoundedBlock = 256;
constexpr std::int64_t rounded_blocks(std::int64_t columns) { return (columns + kRoundedBlock - 1) / kRoundedBlock; }
struct Input {
  const float* x = nullptr;  ///< [tokens, columns]
  const std::int16_t* rounded =
      nullptr;                    ///< [tokens, columns]: x = rounded · scale of the block; null: no int8 weights
  const float* scales = nullptr;  ///< [tokens, rounded_blocks(columns)]

  /// Without the first tokens.
  Input from(std::int64_t token, std::int64_t columns) const {
    if (rounded == nullptr) return {x + token * columns};
    return {x + token * columns, rounded + token * columns, scales + token * rounded_blocks(columns)};
  }
};

/// Keys of one head and sequence lie in blocks of this many tokens, each [head_dim, 16]: a block's scores need no sum
/// across lanes. Values lie as [tokens, head_dim].
inline constexpr std::int64_t kKeyBlock = 16;

/// The arithmetic of a decoder on a CPU, float32 whatever the weights are, but for the inputs of int8 weights. Every
/// result depends on its own token alone, bit for bit: neither how many tokens are computed together nor by how many
/// threads changes it.
struct Kernels {
  const char* level;  ///< what they were compiled for: "v3", "v4" and "v4_vnni" are x86-64's, "baseline" is what every
                      ///< processor has
  /// y[t, r] = Σ_c x[t, c] · W[r, c] for the rows [begin, end). y [tokens, y_stride].
  void (*multiply)(const Matrix& weights, const Input& input, std::int64_t tokens, std::int64_t begin, std::int64_t end,
                   float* y, std::int64_t y_stride);
  /// Input::rounded and its scales for one token. A block with a number that is not finite has a scale that is none.
  void (*round)(const float* x, std::int64_t columns, std::int16_t* rounded, float* scales);
  /// softmax(q · Kᵀ · scale) · V over the tokens [begin, end) of one key head; q and out [heads, head_dim].
  void (*attend)(const float* q, const float* keys, const float* values, std::int64_t begin, std::int64_t end,
                 std::int64_t heads, std::int64_t head_dim, float scale, float* out);
  /// out = x / √(mean(x²) + ε) · weight, one token of `size` channels. out may be x.
  void (*normalise)(const float* x, const float* weight, float epsilon, std::int64_t size, float* out);
  /// gate = silu(gate) · up.
  void (*activate)(float* gate, const float* up, std::int64_t size);
};

/// Those that this processor can run, the fastest first.
std::span<const Kernels* const> runnable_kernels();
inline const Kernels& kernels() { return *runnable_kernels().front(); }

}  // namespace lmf::infer
