#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include <torch/types.h>

#include "model/adapter_folder.hpp"
#include "model/decoder.hpp"
#include "model/safetensors.hpp"

namespace lmf::exporter {

struct StoredAdapter {
  std::filesystem::path directory;
  double weight = 1.0;
};

/// A model in its files, and adapters apart from it, of which only what is asked for is in memory, in float32. Nothing
/// of this is shared with the code that merges: it is what that is compared with.
class StoredModel {
 public:
  StoredModel(const std::filesystem::path& folder, const std::vector<StoredAdapter>& adapters);

  const model::DecoderSpec& spec() const { return spec_; }
  const model::WeightFiles& files() const { return weights_.files(); }
  /// Whether an adapter has a part in the parameter.
  bool is_adapted(const std::string& name) const;
  /// Rows [first, first + count) of a parameter with the adapters' updates added, W + Σ scale · (B A), one after
  /// another; DoRA's as the rows of other lengths that they make.
  torch::Tensor merged(const std::string& name, std::int64_t first, std::int64_t count) const;

  torch::Tensor embedded(const torch::Tensor& ids) const;  ///< [T] to [T, C]
  /// A layer whose adapters stay apart.
  model::Layer layer(std::int64_t index) const;
  torch::Tensor normed(const torch::Tensor& x) const;  ///< the final norm
  /// Rows [first, first + count) of the head applied to [T, C]: [T, count].
  torch::Tensor logits(const torch::Tensor& hidden, std::int64_t first, std::int64_t count) const;

 private:
  struct Adapter {
    model::AdapterFolder folder;
    model::Weights weights;
    double weight;
  };
  struct Pair {
    torch::Tensor a, b;  // [rank, in], [rows, rank]
    double scale;
  };
  /// A parameter's rows and the pairs that are added to them.
  struct Parts {
    torch::Tensor weight;
    std::vector<Pair> pairs;
  };
  static torch::Tensor sum_of(const Parts& parts);
  std::string source_of(const std::string& name) const;
  Parts parts(const std::string& name, std::int64_t first, std::int64_t count) const;
  Parts parts(const std::string& name) const;
  torch::Tensor plain(const std::string& name) const;
  model::Linear linear(const std::string& name) const;

  model::DecoderSpec spec_;
  model::Weights weights_;
  std::vector<Adapter> adapters_;
};

}  // namespace lmf::exporter
