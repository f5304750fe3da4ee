#include "infer/torch_executor.hpp"

#include <algorithm>
#include <bit>
#include <deque>
#include <set>

#include <c10/core/StreamGuard.h>
#include <c10/core/impl/VirtualGuardImpl.h>
#include <torch/utils.h>

namespace lmf::infer {
namespace {

// Attention of a batch looks at so many positions, or a power of two times as many: few sizes, each at most twice what
// is needed.
constexpr std::int64_t kLeastLength = 256;

std::int64_t batch_slots(std::int64_t needed, std::int64_t slots) {
  return std::min(static_cast<std::int64_t>(std::bit_ceil(static_cast<std::uint64_t>(needed))), slots);
}

std::int64_t batch_length(std::int64_t needed, std::int64_t positions) {
  const auto rounded = static_cast<std::int64_t>(std::bit_ceil(static_cast<std::uint64_t>(needed)));
  return std::min(std::max(rounded, kLeastLength), positions);
}

/// Whether the rows are one token of each of several sequences, of the model itself.
bool is_decode_batch(std::span<const Row> rows) {
  for (std::size_t i = 0; i < rows.size(); ++i)
    if (rows[i].adapter >= 0 || rows[i].wants_state || (i > 0 && rows[i].slot == rows[i - 1].slot)) return false;
  return true;
}

torch::Tensor places(const std::vector<std::int64_t>& which, torch::Device device) {
  return torch::tensor(which, torch::kInt64).to(device);
}

}  // namespace

TorchExecutor::TorchExecutor(model::Decoder decoder, const ExecutorSettings& settings,
                             std::vector<model::Decoder> adapted, std::unique_ptr<GraphRecorder> recorder)
    : decoder_(std::move(decoder)),
      adapted_(std::move(adapted)),
      slots_(std::max<std::int64_t>(settings.slots, 1)),
      slot_tokens_(settings.slot_tokens > 0 ? settings.slot_tokens : model::context_length(decoder_.spec())),
      step_tokens_(std::max(settings.step_tokens, settings.slots)),
      cache_(decoder_.spec(), slots_, slot_tokens_ + 1, decoder_.dtype(), decoder_.device()),  // see DecodeStep
      rotary_(decoder_.spec()),
      recorder_(std::move(recorder)) {
  if (decoder_.device().is_cpu()) return;
  const c10::impl::VirtualGuardImpl device(decoder_.device().type());
  stream_ = device.getStreamFromGlobalPool(decoder_.device());
  device.synchronizeDevice(decoder_.device().index());  // the weights were put there on another stream
}

DecodeStep& TorchExecutor::step_for(std::int64_t slots, std::int64_t length) {
  const std::pair size(batch_slots(slots, slots_), batch_length(length, cache_.positions()));
  auto& step = steps_[size];
  if (!step) step = std::make_unique<DecodeStep>(decoder_, cache_, size.first, size.second, recorder_.get());
  return *step;
}

std::int64_t TorchExecutor::recorded_graphs() const {
  return std::ranges::count_if(steps_, [](const auto& step) { return step.second->is_recorded(); });
}

void TorchExecutor::run_batch(std::span<const Row> rows) {
  std::int64_t slots = 1, length = 1;
  for (const Row& row : rows) {
    slots = std::max<std::int64_t>(slots, row.slot + 1);
    length = std::max(length, row.position + 1);
  }
  DecodeStep& step = step_for(slots, length);
  rotary_.prepare(rows);
  std::vector<std::int64_t> wanted;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    step.set(rows[i].slot, rows[i].token, rows[i].position, rotary_.cosines(i), rotary_.sines(i));
    if (rows[i].wants_logits) wanted.push_back(rows[i].slot);
  }
  const torch::Tensor& logits = step.run();
  logits_.copy_(logits.index_select(0, places(wanted, logits.device())));
}

/// Those of the rows that have `adapter`; what they want goes to its places in logits_ and states_.
void TorchExecutor::run_group(std::span<const Row> rows, std::int32_t adapter) {
  const model::Decoder& decoder = adapter < 0 ? decoder_ : adapted_.at(static_cast<std::size_t>(adapter));
  std::vector<std::int64_t> ids, with_logits, logits_places, with_state, states_places;
  std::deque<model::KeyValueCache> caches;
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
    caches.push_back(cache_.slot(rows[first].slot, rows[first].position));
    sequences.push_back({static_cast<std::int64_t>(end - first), &caches.back()});
  }
  const torch::Tensor hidden = model::hidden_cached(decoder, places(ids, decoder_.device()), sequences);
  const auto chosen = [&](const std::vector<std::int64_t>& which) {
    return hidden.index_select(0, places(which, hidden.device()));
  };
  const auto put = [](torch::Tensor& all, const std::vector<std::int64_t>& which, const torch::Tensor& values) {
    all.index_copy_(0, places(which, torch::kCPU), values.to(torch::kCPU, torch::kFloat32));
  };
  if (!with_logits.empty()) put(logits_, logits_places, decoder.logits(chosen(with_logits)));
  if (!with_state.empty()) put(states_, states_places, chosen(with_state));
}

std::span<const float> TorchExecutor::run(std::span<const Row> rows) {
  const torch::InferenceMode no_gradients;
  logits_ = torch::empty({std::ranges::count_if(rows, &Row::wants_logits), spec().vocab_size}, torch::kFloat32);
  states_ = torch::empty({std::ranges::count_if(rows, &Row::wants_state), spec().hidden_size}, torch::kFloat32);
  const c10::OptionalStreamGuard on_stream(stream_);
  if (is_decode_batch(rows)) {
    run_batch(rows);
  } else {
    std::set<std::int32_t> adapters;
    for (const Row& row : rows) adapters.insert(row.adapter);
    for (const std::int32_t adapter : adapters) run_group(rows, adapter);
  }
  return {logits_.data_ptr<float>(), static_cast<std::size_t>(logits_.numel())};
}

std::span<const float> TorchExecutor::states() const {
  if (!states_.defined()) return {};
  return {states_.data_ptr<float>(), static_cast<std::size_t>(states_.numel())};
}

void TorchExecutor::copy_prefix(std::int64_t from, std::int64_t to, std::int64_t tokens) {
  const torch::InferenceMode no_gradients;
  const c10::OptionalStreamGuard on_stream(stream_);
  for (std::vector<torch::Tensor>* part : {&cache_.keys, &cache_.values})
    for (torch::Tensor& all : *part) all[to].narrow(0, 0, tokens).copy_(all[from].narrow(0, 0, tokens));
}

}  // namespace lmf::infer
