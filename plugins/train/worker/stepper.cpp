#include "train/worker/stepper.hpp"

#include <algorithm>
#include <cmath>

#include <torch/utils.h>
#include <fmt/format.h>

#include "train/worker/chunked_loss.hpp"
#include "train/worker/diagnosis.hpp"
#include "train/worker/gradients.hpp"
#include "train/worker/recomputation.hpp"
#include "train/worker/stop_signal.hpp"

namespace lmf::train {
namespace {

bool has_targets(const Batch& batch) { return batch.rows.numel() > 0; }

}  // namespace

Stepper::Stepper(const TrainOptions& options, const StepPlan& plan, Trainee& trainee, const data::TokenStore& store,
                 AdamW& optimizer, ProcessGroup& group)
    : options_(options),
      plan_(plan),
      trainee_(trainee),
      store_(store),
      optimizer_(optimizer),
      group_(group),
      sampler_(store.size(), options.shuffle, options.data_seed),
      parallel_(trainee.trainable(), group, options.bucket_bytes),
      recompute_(recomputes_activations(options, trainee.decoder(), store.longest(), group.world())) {}

StepResult Stepper::make(std::int64_t step, double learning_rate) {
  StepResult result{.learning_rate = learning_rate};
  group_.enter(fmt::format("step {}", step + 1));
  seed(step);
  const std::vector<Batch> batches = batches_of(step);
  const double divisor = labels_per_rank(batches);
  const double local_loss = accumulate_gradients(batches, divisor, /*reduce=*/true);
  result.gradient_norm = gradient_norm(trainee_.trainable());
  add_up(batches, local_loss, result);
  if (!std::isfinite(result.loss) || !std::isfinite(result.gradient_norm))
    throw non_finite(step, batches, result, local_loss, divisor);
  optimizer_.step(learning_rate, clipping_divisor(result.gradient_norm, options_.max_grad_norm));
  clear_gradients(trainee_.trainable());
  return result;
}

/// Dropout of a step depends on seed, step and rank alone, so a run that goes on draws what an unbroken one would.
void Stepper::seed(std::int64_t step) const {
  const std::uint64_t seed = mix(options_.seed, static_cast<std::uint64_t>(step));
  torch::manual_seed(group_.leads() ? seed : mix(seed, static_cast<std::uint64_t>(group_.world().rank)));
}

/// This rank's batch of each round.
std::vector<Batch> Stepper::batches_of(std::int64_t step) {
  const std::int64_t epoch = plan_.position(step).epoch;
  const bool filled_up = !group_.world().alone();
  const auto device = trainee_.decoder().embedding.device();
  std::vector<Batch> batches;
  for (std::int64_t i = 0; i < plan_.rounds(step); ++i) {
    const std::int64_t begin = plan_.batch_begin(step, i, group_.world().rank);
    batches.push_back(Batch::of(store_, sampler_.take(epoch, begin, options_.batch_size, filled_up), device));
  }
  return batches;
}

/// Labels of all batches of the step on all ranks, per rank: ranks average their gradients, so that losses divided by
/// this add up to the mean over all labels.
double Stepper::labels_per_rank(const std::vector<Batch>& batches) {
  std::int64_t labels = 0;
  for (const Batch& batch : batches) labels += batch.labels;
  double all = 0.0;
  for (const auto& of_rank : group_.gather({static_cast<double>(labels)})) all += of_rank[0];
  return all / group_.size();
}

/// Returns the loss of this rank. `reduce`: the gradients become all ranks' mean.
double Stepper::accumulate_gradients(const std::vector<Batch>& batches, double divisor, bool reduce) {
  if (divisor == 0.0) return 0.0;  // nothing to learn on any rank: no loss and no gradient
  const auto last = std::find_if(batches.rbegin(), batches.rend(), has_targets).base();  // after it
  double loss = 0.0;
  for (auto batch = batches.begin(); batch != last; ++batch) {
    if (!has_targets(*batch)) continue;
    const torch::Tensor part = loss_of(*batch, divisor);
    if (reduce && batch + 1 == last) parallel_.prepare_last_backward();
    group_.waiting([&] { part.backward(); });
    loss += part.item<double>();
  }
  if (last == batches.begin() && reduce) reduce_nothing(batches.front());
  return loss;
}

/// The other ranks wait for this one's gradients, which are zero.
void Stepper::reduce_nothing(Batch any) {
  any.rows = any.targets = torch::zeros({1}, any.rows.options());
  const torch::Tensor nothing = loss_of(any, 1.0) * 0.0;
  parallel_.prepare_last_backward();
  group_.waiting([&] { nothing.backward(); });
}

/// Σ cross-entropy of a batch / divisor.
torch::Tensor Stepper::loss_of(const Batch& batch, double divisor) const {
  const auto hidden = trainee_.decoder().hidden(batch.tokens, /*training=*/true, recompute_);  // [T, C]
  return chunked_cross_entropy(hidden.index_select(0, batch.rows), trainee_.decoder().head, batch.targets, divisor);
}

/// The step's loss, tokens and signal over all ranks.
void Stepper::add_up(const std::vector<Batch>& batches, double local_loss, StepResult& result) {
  std::int64_t padded = 0, plain = 0;
  for (const Batch& batch : batches) {
    padded += batch.padded_tokens;
    plain += batch.tokens.ids.numel();
  }
  for (const auto& of_rank : group_.gather({local_loss, static_cast<double>(padded), static_cast<double>(plain),
                                            static_cast<double>(StopSignal::received())})) {
    result.loss += of_rank[0] / group_.size();
    result.padded_tokens += of_rank[1];
    result.plain_tokens += of_rank[2];
    result.signal = std::max(result.signal, static_cast<int>(of_rank[3]));
  }
}

/// Why the step failed, from the first rank that sees it: reduced gradients are broken on all ranks, so each makes its
/// own again.
Error Stepper::non_finite(std::int64_t step, const std::vector<Batch>& batches, const StepResult& result,
                          double local_loss, double divisor) {
  const auto explain = [&] {
    return explain_non_finite(step + 1, result.loss, result.gradient_norm, trainee_, batches, store_);
  };
  if (group_.world().alone()) return explain();
  clear_gradients(trainee_.trainable());
  seed(step);
  accumulate_gradients(batches, divisor, /*reduce=*/false);
  const bool seen_here = !std::isfinite(local_loss) || !std::isfinite(gradient_norm(trainee_.trainable()));
  const Error here = explain();
  const auto all = group_.gather_text(seen_here ? here.what() : "");
  for (std::size_t rank = 0; rank < all.size(); ++rank) {
    if (!all[rank].empty()) return Error(fmt::format("rank {}: {}", rank, all[rank]), here.hint());
  }
  return here;
}

}  // namespace lmf::train
