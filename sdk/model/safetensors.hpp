#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <torch/types.h>

#include "model/weight_files.hpp"

namespace lmf::model {

/// The tensors of WeightFiles: a tensor is a view of the memory map until copied.
class Weights {
 public:
  explicit Weights(WeightFiles files) : files_(std::move(files)) {}
  static Weights open_file(const std::filesystem::path& file) { return Weights(WeightFiles::open_file(file)); }
  static Weights open_model(const std::filesystem::path& directory) {
    return Weights(WeightFiles::open_model(directory));
  }

  const WeightFiles& files() const { return files_; }
  /// Throws Error naming file and tensor when missing or when its shape differs from `shape` (both are printed).
  torch::Tensor tensor(std::string_view name, const std::vector<std::int64_t>& shape) const;
  torch::Tensor tensor(std::string_view name) const;

 private:
  WeightFiles files_;
};

/// Writes one file (temporary name, then rename). Metadata {"format": "pt"} is added.
void write_safetensors(const std::filesystem::path& file,
                       const std::vector<std::pair<std::string, torch::Tensor>>& tensors,
                       std::map<std::string, std::string> metadata = {});

}  // namespace lmf::model
