#include "infer/torch_executor.hpp"

#include <algorithm>

#include <torch/utils.h>

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

std::span<const float> TorchExecutor::run(std::span<const Row> rows) {
  const torch::InferenceMode no_gradients;
  std::vector<torch::Tensor> wanted, states;  // [1, V] each, [1, C] each
  for (std::size_t first = 0, end = 0; first < rows.size(); first = end) {
    while (end < rows.size() && rows[end].slot == rows[first].slot) ++end;
    const auto count = static_cast<std::int64_t>(end - first);
    const torch::Tensor ids = torch::empty({count}, torch::kInt64);
    for (std::int64_t i = 0; i < count; ++i)
      ids.data_ptr<std::int64_t>()[i] = rows[first + static_cast<std::size_t>(i)].token;
    model::KeyValueCache& cache = reserve(rows[first].slot, rows[end - 1].position + 1);
    cache.length = rows[first].position;
    const std::int32_t adapter = rows[first].adapter;
    const model::Decoder& decoder = adapter < 0 ? decoder_ : adapted_.at(static_cast<std::size_t>(adapter));
    const torch::Tensor hidden = decoder.hidden_cached(ids.to(decoder_.device()), cache);
    for (std::size_t row = first; row < end; ++row) {
      const torch::Tensor state = hidden.narrow(0, static_cast<std::int64_t>(row - first), 1);
      if (rows[row].wants_state) states.push_back(state);
      if (rows[row].wants_logits) wanted.push_back(decoder.logits(state));
    }
  }
  states_ = states.empty() ? torch::Tensor() : torch::cat(states).to(torch::kCPU, torch::kFloat32).contiguous();
  if (wanted.empty()) return {};
  logits_ = torch::cat(wanted).to(torch::kCPU, torch::kFloat32).contiguous();
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
