#pragma once

#include <cstdint>
#include <vector>

#include "data/token_store.hpp"
#include "train/shared/step_plan.hpp"
#include "train/worker/adamw.hpp"
#include "train/worker/batch.hpp"
#include "train/worker/data_parallel.hpp"
#include "train/worker/process_group.hpp"
#include "train/worker/sampler.hpp"
#include "train/worker/train_options.hpp"
#include "train/worker/trainee.hpp"

namespace lmf::train {

/// What a step came to, over all ranks.
struct StepResult {
  double loss = 0.0, gradient_norm = 0.0, learning_rate = 0.0;
  double plain_tokens = 0.0, padded_tokens = 0.0;  ///< padded: as Batch::padded_tokens counts
  int signal = 0;  ///< that any rank has received, 0 for none: all stop after the same step
};

/// Makes the steps of a run: forward and backward over the step's batches, gradients averaged over the ranks, one
/// update of the parameters. Stage sft: token-mean cross-entropy, over all batches of a step on all ranks.
class Stepper {
 public:
  Stepper(const TrainOptions& options, const StepPlan& plan, Trainee& trainee, const data::TokenStore& store,
          AdamW& optimizer, ProcessGroup& group);
  /// Step `step`, counted from 0. Throws Error when its loss or gradient is no finite number: the parameters are then
  /// still those before it.
  StepResult make(std::int64_t step, double learning_rate);
  bool recomputes() const { return recompute_; }

 private:
  void seed(std::int64_t step) const;
  std::vector<Batch> batches_of(std::int64_t step);
  double labels_per_rank(const std::vector<Batch>& batches);
  double accumulate_gradients(const std::vector<Batch>& batches, double divisor, bool reduce);
  void reduce_nothing(Batch any);
  torch::Tensor loss_of(const Batch& batch, double divisor) const;
  void add_up(const std::vector<Batch>& batches, double local_loss, StepResult& result);
  Error non_finite(std::int64_t step, const std::vector<Batch>& batches, const StepResult& result, double local_loss,
                   double divisor);

  const TrainOptions& options_;
  const StepPlan& plan_;
  Trainee& trainee_;
  const data::TokenStore& store_;
  AdamW& optimizer_;
  ProcessGroup& group_;
  Sampler sampler_;
  DataParallel parallel_;
  bool recompute_;
};

}  // namespace lmf::train
