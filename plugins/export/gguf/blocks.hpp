#pragma once

#include <cstddef>
#include <cstdint>

namespace lmf::exporter {

/// How ggml stores the numbers of a row: in blocks of some numbers, each of some bytes. The numbers are GGUF's.
enum class BlockType : std::uint32_t { f32 = 0, f16 = 1, q4_0 = 2, q8_0 = 8, q4_k = 12, q6_k = 14, bf16 = 30 };

struct BlockShape {
  std::size_t numbers, bytes;
};
BlockShape shape_of(BlockType type);
/// Bytes of a row; `width` must be a multiple of the block's numbers.
std::size_t row_bytes(BlockType type, std::size_t width);

/// Stores a row. Q8_0 and Q4_0 as ggml's reference stores them, bit by bit. Q6_K and Q4_K in ggml's layout, with scales
/// chosen by least squares over some candidates (see blocks_k.cpp).
void store_row(BlockType type, const float* row, std::size_t width, std::byte* out);

/// A scale, as float16.
void put_half(std::byte* out, float value);

// One block of 256 numbers.
void store_q6_k(const float* numbers, std::byte* out);
void store_q4_k(const float* numbers, std::byte* out);

}  // namespace lmf::exporter
