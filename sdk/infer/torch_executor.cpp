#include "infer/torch_executor.hpp"

#include <algorithm>
#include <set>

#include <torch/utils.h>

#include "model/layer_forward.hpp"

namespace lmf::infer {
namespace {

// A slot grows by whole blocks: every token would copy it otherwise.
constexpr std::int64_t kBlockTokens = 256;

}  // namespace

TorchExecutor::TorchExecutor(model::Decoder decoder, const ExecutorSettings& settings,
                             std::vector<model::Decoder> adapted)
    : decoder_(std::move(decoder)),
      adapted_(std::move(adapted)),
      slot_tokens_(settings.slot_tokens > 0 ? settings.slot_tokens : model::context_length(decoder_.spec())),
      step_tokens_(std::max(settings.step_tokens, settings.slots)) {
  for (std::int64_t i = 0; i < std::max<std::int64_t>(settings.slots, 1); ++i)
    caches_.emplace_back(decoder_.spec(), 0, decoder_.dtype(), decoder_.device());
}

/// The slot's cache, with room for `tokens`; what it holds stays.
model::KeyValueCache& TorchExecutor::reserve(std::int64_t slot, std::int64_t tokens) {
  model::KeyValueCache& cache = caches_.at(static_cast<std::size_t>(slot));
  const std::int64_t capacity = cache.keys.front().size(0);
  if (capacity >= tokens) return cache;
  const std::int64_t rounded = (std::max(tokens, capacity * 3 / 2) + kBlockTokens - 1) / kBlockTokens * kBlockTokens;
  model::KeyValueCache larger(decoder_.spec(), rounded, decoder_.dtype(), decoder_.device());
  for (std::size_t layer = 0; capacity > 0 && layer < larger.keys.size(); ++layer) {
    larger.keys[layer].narrow(0, 0, capacity).copy_(cache.keys[layer]);
    larger.values[layer].narrow(0, 0, capacity).copy_(cache.values[layer]);
  }
  return cache = std::move(larger);
}

/// Those of the rows that have `adapter`; what they want goes to its places in logits_ and states_.
void TorchExecutor::run_group(std::span<const Row> rows, std::int32_t adapter) {
  const model::Decoder& decoder = adapter < 0 ? decoder_ : adapted_.at(static_cast<std::size_t>(adapter));
  std::vector<std::int64_t> ids, with_logits, logits_places, with_state, states_places;
  std::vector<model::CachedTokens> sequences;
  std::int64_t logits_place = 0, states_place = 0;
  for (std::size_t first = 0, end = 0; first < rows.size(); first = end) {
    while (end < rows.size() && rows[end].slot == rows[first].slot) ++end;
    const bool ours = rows[first].adapter == adapter;
    for (const Row& row : rows.subspan(first, end - first)) {
      const auto index = static_cast<std::int64_t>(ids.size());
      if (ours && row.wants_logits) with_logits.push_back(index), logits_places.push_back(logits_place);
      if (ours && row.wants_state) with_state.push_back(index), states_places.push_back(states_place);
      if (ours) ids.push_back(row.token);
      logits_place += row.wants_logits;
      states_place += row.wants_state;
    }
    if (!ours) continue;
    model::KeyValueCache& cache = reserve(rows[first].slot, rows[end - 1].position + 1);
    cache.length = rows[first].position;
    sequences.push_back({static_cast<std::int64_t>(end - first), &cache});
  }
  const torch::Tensor hidden =
      model::hidden_cached(decoder, torch::tensor(ids, torch::kInt64).to(decoder_.device()), sequences);
  const auto chosen = [&](const std::vector<std::int64_t>& which) {
    return hidden.index_select(0, torch::tensor(which, torch::kInt64).to(decoder_.device()));
  };
  const auto put = [](torch::Tensor& all, const std::vector<std::int64_t>& places, const torch::Tensor& values) {
    all.index_copy_(0, torch::tensor(places, torch::kInt64), values.to(torch::kCPU, torch::kFloat32));
  };
  if (!with_logits.empty()) put(logits_, logits_places, decoder.logits(chosen(with_logits)));
  if (!with_state.empty()) put(states_, states_places, chosen(with_state));
}

std::span<const float> TorchExecutor::run(std::span<const Row> rows) {
  const torch::InferenceMode no_gradients;
  logits_ = torch::empty({std::ranges::count_if(rows, &Row::wants_logits), spec().vocab_size}, torch::kFloat32);
  states_ = torch::empty({std::ranges::count_if(rows, &Row::wants_state), spec().hidden_size}, torch::kFloat32);
  std::set<std::int32_t> adapters;
  for (const Row& row : rows) adapters.insert(row.adapter);
  for (const std::int32_t adapter : adapters) run_group(rows, adapter);
  return {logits_.data_ptr<float>(), static_cast<std::size_t>(logits_.numel())};
}

std::span<const float> TorchExecutor::states() const {
  if (!states_.defined()) return {};
  return {states_.data_ptr<float>(), static_cast<std::size_t>(states_.numel())};
}

void TorchExecutor::copy_prefix(std::int64_t from, std::int64_t to, std::int64_t tokens) {
  const torch::InferenceMode no_gradients;
  model::KeyValueCache& target = reserve(to, tokens);
  const model::KeyValueCache& source = caches_.at(static_cast<std::size_t>(from));
  for (std::size_t layer = 0; layer < target.keys.size(); ++layer) {
    target.keys[layer].narrow(0, 0, tokens).copy_(source.keys[layer].narrow(0, 0, tokens));
    target.values[layer].narrow(0, 0, tokens).copy_(source.values[layer].narrow(0, 0, tokens));
  }
}

}  // namespace lmf::infer
