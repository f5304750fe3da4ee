#pragma once

#include <chrono>
#include <cstdint>
#include <optional>

#include <nlohmann/json.hpp>

#include "train/shared/run_state.hpp"
#include "train/shared/step_plan.hpp"
#include "train/shared/trainer_state.hpp"
#include "train/worker/stepper.hpp"
#include "train/worker/train_log.hpp"
#include "train/worker/train_options.hpp"

namespace lmf::train {

/// What a run tells of itself in numbers: sums over its steps, the logged entries (trainer_state.json's log_history and
/// trainer_log.jsonl), the results at its end. It keeps the sums in the run's two states, which a checkpoint saves.
class RunLog {
 public:
  /// Time is counted from here, tokens from what `state` has. `multiplied_weights`: for the floating-point operations.
  /// `writes`: also trainer_log.jsonl.
  RunLog(const TrainOptions& options, const StepPlan& plan, TrainerState& state, RunState& run,
         std::int64_t multiplied_weights, bool writes);

  /// Adds a step that `state` already counts.
  void count(const StepResult& result);
  /// Logs what came since the last time, when that is due after this step.
  void log_if_due(const StepResult& result);
  /// Logs the numbers of an evaluation. `of_result`: of the finished model, which belong to no step: only
  /// trainer_log.jsonl gets them.
  void log_evaluation(nlohmann::json metrics, bool of_result = false);
  /// Logs the end; train_results.json's numbers. `tokens`: of all examples.
  nlohmann::json finish(std::int64_t tokens);

 private:
  bool is_due() const;
  void add(nlohmann::json entry);
  double seconds() const;

  const TrainOptions& options_;
  const StepPlan& plan_;
  TrainerState& state_;
  RunState& run_;
  double flops_per_token_;
  std::int64_t logging_steps_, tokens_before_;  // tokens: of the interrupted run that this one continues
  std::chrono::steady_clock::time_point began_;
  std::optional<TrainLog> file_;
};

}  // namespace lmf::train
