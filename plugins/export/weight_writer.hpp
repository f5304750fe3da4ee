#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <vector>

#include "merged_weights.hpp"

namespace lmf::exporter {

/// How the tensors are laid out in files.
struct WeightPlan {
  std::vector<model::Number> numbers;            ///< how each tensor is written
  std::vector<std::vector<std::size_t>> shards;  ///< the tensors of each file
  std::uint64_t bytes = 0, parameters = 0;
};

/// Without `wanted` each tensor stays as the base has it.
WeightPlan plan_weights(const MergedWeights& weights, std::optional<model::Number> wanted, std::uint64_t shard_bytes);

/// Called with the bytes written since the last time.
using Wrote = std::function<void(std::uint64_t)>;

/// Writes model.safetensors, or shards and their index, some rows at a time. What no adapter changes and keeps its
/// type is copied byte by byte. The files have the layout that the safetensors library gives them, so that equal
/// tensors make equal files.
void write_weights(const MergedWeights& weights, const WeightPlan& plan, const std::filesystem::path& folder,
                   const Wrote& wrote);

/// How many rows to work on at once.
std::int64_t rows_at_once(const MergedTensor& tensor);

}  // namespace lmf::exporter
