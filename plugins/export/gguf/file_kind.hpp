#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "gguf/blocks.hpp"

namespace lmf::exporter {

/// What llama.cpp calls a file's type: how most of its matrices are stored.
enum class FileKind { f32, f16, bf16, q8_0, q6_k, q4_k_m, q4_0 };

std::optional<FileKind> file_kind(std::string_view name);  ///< "q8_0", "Q8_0"
std::string_view name_of(FileKind kind);                   ///< "Q8_0"
std::vector<std::string> file_kinds();                     ///< the names, for messages
std::uint32_t gguf_number(FileKind kind);                  ///< general.file_type
bool is_quantized(FileKind kind);

/// What decides how a tensor is stored.
struct TensorRole {
  enum class Part { vector, matrix, head, value, down } part = Part::matrix;  ///< head: or the embedding it is tied to
  std::int64_t layer = 0, layers = 1;
  std::int64_t width = 0;  ///< of a row
};

/// As llama.cpp's own quantisation decides: vectors in F32; the head, and in Q4_K_M the more sensitive half of the
/// value and down projections, in Q6_K; where a row is no multiple of the blocks, Q8_0 or F16.
BlockType type_for(FileKind kind, const TensorRole& role);

}  // namespace lmf::exporter
