// The one file that sees c10d's Reducer.
#include "train/worker/data_parallel.hpp"

#include <algorithm>
#include <limits>
#include <type_traits>

#include <torch/utils.h>
#include <fmt/format.h>
#include <torch/csrc/distributed/c10d/comm.hpp>
#include <torch/csrc/distributed/c10d/reducer.hpp>

namespace lmf::train {
namespace {

constexpr std::size_t kBroadcastBytes = 250 << 20;  // sent together

std::vector<at::Tensor> tensors_of(const NamedTensors& named) {
  std::vector<at::Tensor> tensors;
  for (const auto& [name, tensor] : named) tensors.push_back(tensor);
  return tensors;
}

std::string described(const NamedTensors& named) {
  std::string text;
  for (const auto& [name, tensor] : named)
    text += fmt::format("{} {} {}\n", name, c10::toString(tensor.scalar_type()), c10::str(tensor.sizes()));
  return text;
}

void require_same_names(const NamedTensors& trainable, ProcessGroup& group) {
  const auto all = group.gather_text(described(trainable));
  for (std::size_t rank = 1; rank < all.size(); ++rank) {
    if (all[rank] == all[0]) continue;
    throw Error(fmt::format("rank {} trains other tensors than rank 0", rank),
                "give all ranks the same configuration, model and adapter");
  }
}

/// In the order backward is expected to finish them, the last layer's first. A single bucket until it is known: then
/// the Reducer makes new ones.
std::vector<std::vector<std::size_t>> first_buckets(const std::vector<at::Tensor>& tensors) {
  auto buckets =
      std::get<0>(c10d::compute_bucket_assignment_by_size(tensors, {std::numeric_limits<std::size_t>::max()}));
  std::reverse(buckets.begin(), buckets.end());
  return buckets;
}

/// From 2.13 on the Reducer also takes a list of bucket sizes; empty is its own rule.
template <class Reducer, class... Arguments>
std::unique_ptr<Reducer> construct(Arguments&&... arguments) {
  using Sizes = std::vector<std::int64_t>;
  if constexpr (std::is_constructible_v<Reducer, Arguments..., Sizes>)
    return std::make_unique<Reducer>(std::forward<Arguments>(arguments)..., Sizes{});
  else
    return std::make_unique<Reducer>(std::forward<Arguments>(arguments)...);
}

std::unique_ptr<c10d::Reducer> make_reducer(const NamedTensors& trainable, const ProcessGroup& group,
                                            std::int64_t bucket_bytes) {
  const auto tensors = tensors_of(trainable);
  std::unordered_map<std::size_t, std::string> names;
  for (std::size_t i = 0; i < trainable.size(); ++i) names[i] = trainable[i].first;
  constexpr bool kFindUnused = false;        // every trainable tensor takes part in every backward
  constexpr bool kGradientsAreViews = true;  // of the buckets: no second copy of all gradients
  return construct<c10d::Reducer>(
      tensors, first_buckets(tensors), group.c10d(), std::vector<bool>(tensors.size(), false), bucket_bytes,
      kFindUnused, kGradientsAreViews, names, std::min<std::int64_t>(c10d::kDefaultFirstBucketBytes, bucket_bytes),
      /*skip_all_reduce_unused_params=*/false, /*use_python_reducer=*/false);
}

/// A tensor's bits added up as whole numbers: the same on all machines, whatever the order.
double digest(const at::Tensor& tensor) {
  const auto whole = tensor.element_size() == 4 ? at::kInt : tensor.element_size() == 2 ? at::kShort : at::kByte;
  const auto bits = tensor.detach().contiguous().view(whole).sum(at::kLong).item<std::int64_t>();
  return static_cast<double>(bits % (std::int64_t{1} << 52));
}

}  // namespace

DataParallel::DataParallel(const NamedTensors& trainable, ProcessGroup& group, std::int64_t bucket_bytes)
    : group_(group) {
  if (group.world().alone()) return;
  group.enter("sending the initial parameters");
  require_same_names(trainable, group);
  send_from_first(trainable, group);
  group.waiting([&] { reducer_ = make_reducer(trainable, group, bucket_bytes); });
}

DataParallel::~DataParallel() = default;

void DataParallel::prepare_last_backward() {
  if (!reducer_) return;
  group_.waiting([&] { reducer_->rebuild_buckets(); });
  reducer_->prepare_for_backward({});
}

void send_from_first(const NamedTensors& tensors, ProcessGroup& group) {
  if (group.world().alone()) return;
  const torch::NoGradGuard no_grad;
  group.waiting([&] { c10d::broadcast_coalesced(group.c10d(), tensors_of(tensors), kBroadcastBytes, 0); });
}

void require_same(const NamedTensors& frozen, ProcessGroup& group) {
  if (group.world().alone()) return;
  group.enter("comparing the models");
  std::vector<double> digests;
  const torch::NoGradGuard no_grad;
  for (const auto& [name, tensor] : frozen) digests.push_back(digest(tensor));
  const auto counts = group.gather({static_cast<double>(digests.size())});
  for (std::size_t rank = 1; rank < counts.size(); ++rank) {
    if (counts[rank] != counts[0])
      throw Error(
          fmt::format("rank {} has a model with {} tensors, rank 0 one with {}", rank, counts[rank][0], counts[0][0]));
  }
  const auto all = group.gather(digests);
  for (std::size_t rank = 1; rank < all.size(); ++rank) {
    const auto differs = std::mismatch(all[rank].begin(), all[rank].end(), all[0].begin()).first;
    if (differs == all[rank].end()) continue;
    throw Error(fmt::format("{} of rank {}, {}, is not rank 0's",
                            frozen[static_cast<std::size_t>(differs - all[rank].begin())].first, rank,
                            group.name_of(static_cast<int>(rank))),
                "give all nodes the same model files");
  }
}

}  // namespace lmf::train
