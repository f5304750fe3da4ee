#include "train/worker/batch.hpp"

#include <algorithm>
#include <utility>

namespace lmf::train {

Batch Batch::of(const data::TokenStore& store, std::vector<std::int64_t> examples, torch::Device device) {
  Batch batch;
  std::vector<std::vector<std::int64_t>> sequences;
  std::vector<std::int64_t> rows, targets;
  std::int64_t begin = 0, longest = 0;
  for (std::int64_t index : examples) {
    const data::Example example = store[index];
    const auto length = static_cast<std::int64_t>(example.ids.size());
    sequences.emplace_back(example.ids.begin(), example.ids.end());
    batch.labels += length - std::count(example.labels.begin(), example.labels.end(), data::kIgnore);
    for (std::int64_t t = 1; t < length; ++t) {
      const std::int32_t label = example.labels[static_cast<std::size_t>(t)];
      if (label == data::kIgnore) continue;
      rows.push_back(begin + t - 1);
      targets.push_back(label);
    }
    begin += length;
    longest = std::max(longest, length);
  }
  batch.padded_tokens = (longest + 7) / 8 * 8 * static_cast<std::int64_t>(examples.size());
  batch.examples = std::move(examples);
  batch.tokens = model::PackedTokens::from(sequences, device);
  batch.rows = torch::tensor(rows, torch::kInt64).to(device);
  batch.targets = torch::tensor(targets, torch::kInt64).to(device);
  return batch;
}

}  // namespace lmf::train
