#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "gguf/blocks.hpp"

namespace lmf::exporter {

/// What stands before the tensors in a GGUF file, version 3: keys with values, then the tensors' names, shapes, types
/// and places. All little-endian; the tensors begin, and each of them, at a multiple of 32 bytes.
class GgufHeader {
 public:
  void add(std::string_view key, std::uint32_t value);
  void add(std::string_view key, float value);
  void add(std::string_view key, bool value);
  void add(std::string_view key, std::string_view value);
  void add(std::string_view key, const char* value) { add(key, std::string_view(value)); }
  void add(std::string_view key, std::span<const std::string> values);
  void add(std::string_view key, std::span<const std::int32_t> values);
  void add(std::string_view key, std::span<const float> values);

  /// `dimensions`: of a row first. The data follow those of the tensors before it.
  void add_tensor(std::string_view name, std::span<const std::uint64_t> dimensions, BlockType type,
                  std::uint64_t bytes);

  /// The header up to the first tensor's data.
  std::string bytes() const;

  static constexpr std::uint64_t kAlignment = 32;
  static std::uint64_t aligned(std::uint64_t bytes) { return (bytes + kAlignment - 1) / kAlignment * kAlignment; }

 private:
  std::string values_, tensors_;
  std::uint64_t value_count_ = 0, tensor_count_ = 0, data_bytes_ = 0;
};

}  // namespace lmf::exporter
