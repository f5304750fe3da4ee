// ggml's "K" blocks: 256 numbers whose 8 or 16 parts have scales of their own, which are small integers times a scale
// of the whole block. The layouts are ggml's; how the scales are chosen is ours: several are tried for each part, for
// each the numbers are rounded, the scale (and offset) is fitted again to the rounded numbers by weighted least
// squares, and the one with the least error stays.
#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>

#include "gguf/blocks.hpp"
#include "model/numbers.hpp"

namespace lmf::exporter {
namespace {

constexpr int kBlock = 256;

float as_stored(float value) { return model::from_half(model::to_half(value)); }

/// Floats from 2^23 on are one apart: the addition rounds, and no function is called for it.
float nearest(float value, float least, float most) {
  constexpr float kWhole = 0x1.8p23f;
  return (std::clamp(value, least, most) + kWhole) - kWhole;
}

/// The scale for which number ≈ scale · step, steps from -32 to 31, errors weighted by number²: the large ones count
/// most in a product. Fitting scale s to given steps q leaves Σwx² - (Σwxq)² / Σwq².
float fit_signed(const float* numbers, int count) {
  float largest = 0;
  for (int i = 0; i < count; ++i)
    if (std::abs(numbers[i]) > std::abs(largest)) largest = numbers[i];
  if (std::abs(largest) < 1e-15f) return 0;
  float best = 0, explained = -1;
  for (int change = -9; change <= 9; ++change) {  // the largest number near step -32
    const float inverse = -(32.0f + 0.1f * static_cast<float>(change)) / largest;
    float xq = 0, qq = 0;
    for (int i = 0; i < count; ++i) {
      const float step = nearest(inverse * numbers[i], -32, 31);
      const float weight = numbers[i] * numbers[i];
      xq += weight * numbers[i] * step;
      qq += weight * step * step;
    }
    if (qq > 0 && xq * xq > explained * qq) {
      best = xq / qq;
      explained = xq * best;
    }
  }
  return best;
}

struct Line {
  float scale = 0, offset = 0;  // number ≈ scale · step - offset, both at least 0
};

/// The line for steps from 0 to 15. Errors are weighted by |number| and the part's mean magnitude.
Line fit_line(const float* numbers, int count) {
  float low = 0, high = numbers[0], squares = 0;
  for (int i = 0; i < count; ++i) {
    low = std::min(low, numbers[i]);
    high = std::max(high, numbers[i]);
    squares += numbers[i] * numbers[i];
  }
  if (high - low < 1e-15f) return {0, -low};
  const float mean = std::sqrt(squares / static_cast<float>(count));
  Line best;
  float least = -1;
  for (int change = -10; change <= 10; ++change) {
    const float inverse = (15.0f + 0.1f * static_cast<float>(change)) / (high - low);
    float w = 0, wq = 0, wqq = 0, wx = 0, wxq = 0, wxx = 0;
    for (int i = 0; i < count; ++i) {
      const float step = nearest(inverse * (numbers[i] - low), 0, 15);
      const float weight = mean + std::abs(numbers[i]);
      w += weight;
      wq += weight * step;
      wqq += weight * step * step;
      wx += weight * numbers[i];
      wxq += weight * numbers[i] * step;
      wxx += weight * numbers[i] * numbers[i];
    }
    const float determinant = w * wqq - wq * wq;
    Line line;
    if (determinant > 0) line = {(w * wxq - wx * wq) / determinant, (wq * wxq - wqq * wx) / determinant};
    if (determinant <= 0 || line.offset < 0) line = {wqq > 0 ? wxq / wqq : 0, 0};
    // Σ w (s q - o - x)²
    const float error = line.scale * line.scale * wqq + line.offset * line.offset * w + wxx -
                        2 * line.scale * line.offset * wq - 2 * line.scale * wxq + 2 * line.offset * wx;
    if (line.scale > 0 && (least < 0 || error < least)) {
      least = error;
      best = line;
    }
  }
  return best;
}

}  // namespace

void store_q6_k(const float* numbers, std::byte* out) {
  constexpr int kPart = 16, kParts = kBlock / kPart;
  std::array<float, kParts> scales{};
  float largest = 0;
  for (int part = 0; part < kParts; ++part) {
    scales[part] = fit_signed(numbers + part * kPart, kPart);
    if (std::abs(scales[part]) > std::abs(largest)) largest = scales[part];
  }
  std::memset(out, 0, shape_of(BlockType::q6_k).bytes);
  if (std::abs(largest) < 1e-15f) return;
  std::byte *low = out, *high = out + 128,
            *factors = out + 192;  // 4 bits of each step, 2 bits of each, the parts' scales
  const float scale = as_stored(largest / -128.0f);
  put_half(out + 208, scale);
  std::array<std::uint8_t, kBlock> steps{};
  for (int part = 0; part < kParts; ++part) {
    const float factor = scale == 0 ? 0 : nearest(scales[part] / scale, -128, 127);
    factors[part] = static_cast<std::byte>(static_cast<std::int8_t>(factor));
    const float step = scale * factor;
    for (int i = part * kPart; i < (part + 1) * kPart; ++i)
      steps[i] = static_cast<std::uint8_t>(step == 0 ? 32 : nearest(numbers[i] / step, -32, 31) + 32);
  }
  for (int half = 0; half < 2; ++half, low += 64, high += 32) {  // 128 numbers in four rows of 32
    const std::uint8_t* row = steps.data() + half * 128;
    for (int i = 0; i < 32; ++i) {
      low[i] = static_cast<std::byte>((row[i] & 15) | (row[i + 64] & 15) << 4);
      low[i + 32] = static_cast<std::byte>((row[i + 32] & 15) | (row[i + 96] & 15) << 4);
      high[i] =
          static_cast<std::byte>(row[i] >> 4 | row[i + 32] >> 4 << 2 | row[i + 64] >> 4 << 4 | row[i + 96] >> 4 << 6);
    }
  }
}

void store_q4_k(const float* numbers, std::byte* out) {
  constexpr int kPart = 32, kParts = kBlock / kPart;
  std::array<Line, kParts> lines;
  Line largest;
  for (int part = 0; part < kParts; ++part) {
    lines[part] = fit_line(numbers + part * kPart, kPart);
    largest = {std::max(largest.scale, lines[part].scale), std::max(largest.offset, lines[part].offset)};
  }
  std::memset(out, 0, shape_of(BlockType::q4_k).bytes);
  const float scale = as_stored(largest.scale / 63.0f), offset = as_stored(largest.offset / 63.0f);
  put_half(out, scale);
  put_half(out + 2, offset);
  auto* packed = reinterpret_cast<std::uint8_t*>(out + 4);
  std::array<std::uint8_t, kBlock> steps{};
  for (int part = 0; part < kParts; ++part) {
    const int s = scale == 0 ? 0 : static_cast<int>(nearest(lines[part].scale / scale, 0, 63));
    const int o = offset == 0 ? 0 : static_cast<int>(nearest(lines[part].offset / offset, 0, 63));
    // Eight pairs of 6 bits in 12 bytes: those of the last four parts are split over a free half and two free bits.
    if (part < 4) {
      packed[part] |= static_cast<std::uint8_t>(s);
      packed[part + 4] |= static_cast<std::uint8_t>(o);
    } else {
      packed[part + 4] = static_cast<std::uint8_t>((s & 15) | (o & 15) << 4);
      packed[part - 4] |= static_cast<std::uint8_t>(s >> 4 << 6);
      packed[part] |= static_cast<std::uint8_t>(o >> 4 << 6);
    }
    const float step = scale * static_cast<float>(s), least = offset * static_cast<float>(o);
    for (int i = part * kPart; i < (part + 1) * kPart; ++i)
      steps[i] = static_cast<std::uint8_t>(step == 0 ? 0 : nearest((numbers[i] + least) / step, 0, 15));
  }
  for (int pair = 0; pair < kParts / 2; ++pair)  // two parts in 32 bytes, one in the lower halves
    for (int i = 0; i < kPart; ++i)
      out[16 + pair * kPart + i] =
          static_cast<std::byte>(steps[pair * 2 * kPart + i] | steps[(pair * 2 + 1) * kPart + i] << 4);
}

}  // namespace lmf::exporter
