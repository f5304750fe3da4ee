#include "gguf/blocks.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "lmf/error.hpp"
#include "model/numbers.hpp"

namespace lmf::exporter {
namespace {

constexpr std::size_t kSmallBlock = 32, kLargeBlock = 256;

/// A scale as float16, then 32 signed bytes: the largest magnitude becomes 127.
void store_q8_0(const float* numbers, std::byte* out) {
  float largest = 0;
  for (std::size_t i = 0; i < kSmallBlock; ++i) largest = std::max(largest, std::abs(numbers[i]));
  const float scale = largest / 127.0f, inverse = scale == 0.0f ? 0.0f : 1.0f / scale;
  put_half(out, scale);
  for (std::size_t i = 0; i < kSmallBlock; ++i)
    out[2 + i] = static_cast<std::byte>(static_cast<std::int8_t>(std::round(numbers[i] * inverse)));
}

/// A scale as float16, then 16 bytes of two numbers each, number i beside number i + 16. The number of the largest
/// magnitude becomes 0, which stands for -8: its side has one step more.
void store_q4_0(const float* numbers, std::byte* out) {
  float largest = numbers[0];
  for (std::size_t i = 1; i < kSmallBlock; ++i)
    if (std::abs(numbers[i]) > std::abs(largest)) largest = numbers[i];
  const float scale = largest / -8.0f, inverse = scale == 0.0f ? 0.0f : 1.0f / scale;
  const auto step = [&](float number) {
    return static_cast<unsigned>(std::clamp(std::trunc(number * inverse + 8.5f), 0.0f, 15.0f));
  };
  put_half(out, scale);
  for (std::size_t i = 0; i < kSmallBlock / 2; ++i)
    out[2 + i] = static_cast<std::byte>(step(numbers[i]) | step(numbers[i + kSmallBlock / 2]) << 4);
}

}  // namespace

void put_half(std::byte* out, float value) {
  const std::uint16_t half = model::to_half(value);
  std::memcpy(out, &half, sizeof half);
}

BlockShape shape_of(BlockType type) {
  switch (type) {
    case BlockType::f32:
      return {1, 4};
    case BlockType::f16:
    case BlockType::bf16:
      return {1, 2};
    case BlockType::q4_0:
      return {kSmallBlock, 18};
    case BlockType::q8_0:
      return {kSmallBlock, 34};
    case BlockType::q4_k:
      return {kLargeBlock, 144};
    case BlockType::q6_k:
      return {kLargeBlock, 210};
  }
  throw Error("a GGUF type without a shape", {}, kExitInternal);
}

std::size_t row_bytes(BlockType type, std::size_t width) {
  const BlockShape shape = shape_of(type);
  return width / shape.numbers * shape.bytes;
}

void store_row(BlockType type, const float* row, std::size_t width, std::byte* out) {
  if (type == BlockType::f32) return from_floats(model::Number::f32, row, width, out);
  if (type == BlockType::f16) return from_floats(model::Number::f16, row, width, out);
  if (type == BlockType::bf16) return from_floats(model::Number::bf16, row, width, out);
  const BlockShape shape = shape_of(type);
  for (std::size_t i = 0; i < width; i += shape.numbers, out += shape.bytes) {
    if (type == BlockType::q8_0) store_q8_0(row + i, out);
    if (type == BlockType::q4_0) store_q4_0(row + i, out);
    if (type == BlockType::q6_k) store_q6_k(row + i, out);
    if (type == BlockType::q4_k) store_q4_k(row + i, out);
  }
}

}  // namespace lmf::exporter
