#pragma once

#include <cstddef>
#include <filesystem>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "model/safetensors_header.hpp"

namespace lmf::model {

/// The safetensors files of a model or an adapter, memory-mapped, as their headers describe them: what there is can be
/// judged without libtorch and without reading a weight. Every header is treated as hostile: bounds, overlaps, dtypes
/// and shapes are checked on opening.
class WeightFiles {
 public:
  static WeightFiles open_file(const std::filesystem::path& file);
  /// model.safetensors or the index in `directory`. Throws Error when neither is there (naming pytorch_model.bin if
  /// that is).
  static WeightFiles open_model(const std::filesystem::path& directory);

  /// The file, or the index.
  const std::filesystem::path& source() const { return source_; }
  const TensorEntry* find(std::string_view name) const;  ///< null when there is none of that name
  /// Throws Error naming file and tensor when it is missing or when its shape differs from `shape` (both are printed).
  const TensorEntry& require(std::string_view name, const std::vector<std::int64_t>& shape) const;
  const TensorEntry& require(std::string_view name) const;
  std::vector<std::string> names() const;
  const std::map<std::string, std::string>& metadata() const { return metadata_; }

  /// The bytes of a tensor, which lie in the map that `owner` keeps.
  struct Bytes {
    std::span<const std::byte> bytes;
    std::shared_ptr<const void> owner;
  };
  Bytes bytes(std::string_view name) const;

 private:
  struct Shard;
  struct Place {
    std::shared_ptr<const Shard> shard;
    const TensorEntry* entry;
  };
  const Place& place(std::string_view name) const;

  std::filesystem::path source_;
  std::map<std::string, Place, std::less<>> tensors_;
  std::map<std::string, std::string> metadata_;
};

/// "F32", "F16" or "BF16": what parameters are stored as.
bool is_weight_dtype(std::string_view dtype);

}  // namespace lmf::model
