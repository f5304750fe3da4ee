#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>

#include "data/token_store.hpp"
#include "train/shared/step_plan.hpp"
#include "train/worker/checkpoints.hpp"
#include "train/worker/evaluations.hpp"
#include "train/worker/process_group.hpp"
#include "train/worker/run_log.hpp"
#include "train/worker/schedule.hpp"
#include "train/worker/stepper.hpp"
#include "train/worker/trainee.hpp"
#include "train/worker/training_state.hpp"

namespace lmf::train {

/// One training run over a token store: where it begins, its steps, its checkpoints, its end. Every rank of a group
/// runs one; rank 0 writes.
class Trainer {
 public:
  /// `write_companions` puts the files that go with every saved model (tokenizer, settings) into a folder.
  /// `evaluations`: of the trainee; null: none.
  Trainer(const TrainOptions& options, Trainee& trainee, const data::TokenStore& store,
          std::function<void(const std::filesystem::path&)> write_companions,
          ProcessGroup& group = ProcessGroup::alone(), Evaluations* evaluations = nullptr);

  /// Trains to the end, or until a signal asks to stop: then a checkpoint is written. Returns the exit status (0 or
  /// 128+n).
  int run();
  /// What train_results.json gets; after run() returned 0.
  const nlohmann::json& metrics() const { return metrics_; }
  /// Evaluates the finished model, unless that was just done: what eval_results.json gets; after run() returned 0.
  /// Nothing when a signal came first.
  std::optional<nlohmann::json> evaluate_result();
  const TrainerState& state() const { return state_; }
  const StepPlan& plan() const { return plan_; }

 private:
  void restore();
  void say_what_becomes_of_earlier_checkpoints() const;
  void continue_plan(const ResumePoint& point);
  void require_same_beginning();
  void announce() const;
  StepResult step();
  bool ends_epoch() const;
  /// At the start what is due there, and what the checkpoint's step lacks because a signal came first. Returns the
  /// signal that ended it, or 0.
  int evaluate_at_start();
  int evaluate_now();
  std::string note(double loss) const;
  void note_best_checkpoint();
  void take_best(const ResumePoint& point);
  void find_best_checkpoint(const std::filesystem::path& resumed);
  void load_best();
  bool is_due_for_saving() const;
  std::filesystem::path save_checkpoint();
  int stopped_by(int signal, const std::filesystem::path& saved) const;
  void save_model(const std::filesystem::path& directory);
  std::uint64_t checkpoint_bytes() const;
  void finish();

  const TrainOptions& options_;
  Trainee& trainee_;
  const data::TokenStore& store_;
  ProcessGroup& group_;
  Evaluations* evaluations_;
  std::function<void(const std::filesystem::path&)> write_companions_;
  StepPlan plan_;
  LearningRateSchedule schedule_;
  AdamW optimizer_;
  std::optional<Checkpoints> checkpoints_;  // rank 0's
  TrainerState state_;
  RunState run_;
  std::int64_t save_steps_ = 0;
  Verdict verdict_;                          // on the latest evaluation
  std::int64_t evaluated_step_ = -1;         // of which evaluated_ tells
  std::optional<nlohmann::json> evaluated_;  // none once other weights were loaded
  std::optional<Stepper> stepper_;           // these two from the beginning of the steps on
  std::optional<RunLog> log_;
  nlohmann::json metrics_;
};

}  // namespace lmf::train
