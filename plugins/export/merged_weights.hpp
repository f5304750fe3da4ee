#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include "model/adapter_folder.hpp"
#include "model/decoder_spec.hpp"
#include "model/weight_files.hpp"
#include "model/numbers.hpp"

namespace lmf::exporter {

struct WeightedAdapter {
  std::filesystem::path directory;
  model::AdapterFolder folder;  ///< opened on the decoder that the adapters before it leave
  double weight = 1.0;          ///< how much of its update is added
};

struct MergedTensor {
  std::string name;
  std::vector<std::int64_t> shape;
  model::Number stored;              ///< how the base has it
  std::int64_t rows = 1, width = 0;  ///< of a matrix; anything else is one row
  std::uint64_t count() const { return static_cast<std::uint64_t>(rows) * static_cast<std::uint64_t>(width); }
};

/// The tensors of a model with adapters merged in, computed while they are read, some rows at a time: memory is those
/// rows and one pair of an adapter, whatever the model's size. W' = W + Σ weight · scale · B A in float32, the adapters
/// in their order, and after one with DoRA each row of the length that it says; of a module that was trained whole, W'
/// = W + weight · (trained - W).
class MergedWeights {
 public:
  /// `spec`: the decoder that all the adapters leave (its head untied where one of them needs that). Throws Error when
  /// an adapter's tensor is stored in a way that lmf does not read.
  MergedWeights(model::WeightFiles base, const model::DecoderSpec& spec, std::vector<WeightedAdapter> adapters);

  /// In the order of the model's state dict.
  const std::vector<MergedTensor>& tensors() const { return tensors_; }
  bool is_changed(std::size_t tensor) const { return !changes_[tensor].empty(); }
  const std::vector<WeightedAdapter>& adapters() const { return adapters_; }
  /// The base's bytes of a tensor; pages that were read are to be released.
  std::span<const std::byte> stored_bytes(std::size_t tensor) const;

  class Reader;

 private:
  struct Change {
    std::size_t adapter;
    bool low_rank;  // else: trained whole
  };
  std::vector<Change> changes_of(const std::string& name) const;

  model::WeightFiles base_;
  std::vector<WeightedAdapter> adapters_;
  std::vector<MergedTensor> tensors_;
  std::vector<std::string> sources_;  // the base's name of each
  std::vector<std::vector<Change>> changes_;
};

/// Reads one tensor.
class MergedWeights::Reader {
 public:
  Reader(const MergedWeights& weights, std::size_t tensor);
  /// Rows [first, first + count) to out: [count, width].
  void read(std::int64_t first, std::int64_t count, float* out);

 private:
  struct Pair {
    std::vector<float> a, b;       // [rank, width], [rows, rank]
    std::vector<float> magnitude;  // [rows] with DoRA, else none
    std::int64_t rank = 0;
    float scale = 0;
  };
  struct Whole {
    std::span<const std::byte> bytes;
    model::Number number;
    float weight;
  };
  struct Step {
    Pair pair;  // rank 0: trained whole
    Whole whole;
  };
  static Step step_of(const MergedWeights& weights, const std::string& name, const Change& change);
  void apply(const Step& step, std::int64_t first, std::int64_t count, float* out);

  const MergedTensor& tensor_;
  std::span<const std::byte> base_;
  std::vector<Step> steps_;
  std::vector<float> trained_;
};

}  // namespace lmf::exporter
