// The trainer's evaluations, and what becomes of the best model.
#include <algorithm>

#include <fmt/format.h>

#include "base/log.hpp"
#include "train/worker/stop_signal.hpp"
#include "train/worker/trainer.hpp"

namespace lmf::train {
namespace {

namespace fs = std::filesystem;

bool has_evaluation(const TrainerState& state) {
  return std::any_of(state.log_history.begin(), state.log_history.end(), [&state](const nlohmann::json& entry) {
    if (entry.value("step", nlohmann::json()) != state.global_step) return false;
    return std::any_of(entry.items().begin(), entry.items().end(),
                       [](const auto& item) { return item.key().starts_with("eval_"); });
  });
}

}  // namespace

int Trainer::evaluate_at_start() {
  const EvaluationOptions& options = options_.evaluation;
  if (options.patience && options_.resume_from) {
    verdict_.stops_early = state_.evaluations_without_progress >= *options.patience;
    if (verdict_.stops_early) return 0;
  }
  if (!evaluations_) return 0;
  if (state_.global_step > 0) {
    const bool missed = evaluation_is_due(options, state_, ends_epoch()) && !has_evaluation(state_);
    return missed ? evaluate_now() : 0;
  }
  if (!options.on_start) return 0;
  evaluated_ = evaluations_->run("before the first step", [this](const auto& found) { log_->log_evaluation(found); });
  return evaluations_->signal();
}

/// Returns the signal that ended it, or 0.
int Trainer::evaluate_now() {
  evaluated_ = evaluations_->run(fmt::format("after step {}", state_.global_step),
                                 [this](const auto& found) { log_->log_evaluation(found); });
  if (!evaluated_) return evaluations_->signal();
  evaluated_step_ = state_.global_step;
  verdict_ = judge(*evaluated_, options_.evaluation, state_);
  return 0;
}

void Trainer::note_best_checkpoint() {
  if (state_.best_step == 0) return;
  if (state_.best_step == state_.global_step || checkpoints_->has(state_.best_step))
    state_.best_checkpoint = checkpoint_path(options_.output_dir, state_.best_step).string();
}

/// The best evaluation so far stays the best only for a run that would judge it by the same.
void Trainer::take_best(const ResumePoint& point) {
  const std::string before = point.run ? point.run->best_by : "";
  if (run_.best_by.empty()) run_.best_by = before;
  if (!before.empty() && before != run_.best_by) {
    if (state_.best_metric)
      log::warn(
          "the best evaluation so far, {:.4f} after step {}, was by {}; this run looks for the best by {}: it is "
          "not compared, and the search begins anew",
          *state_.best_metric, state_.best_step, before, run_.best_by);
    state_.forget_best();
  }
  find_best_checkpoint(point.checkpoint);
}

/// An output folder that was moved has it beside the checkpoint that the run goes on from.
void Trainer::find_best_checkpoint(const fs::path& resumed) {
  const fs::path noted = state_.best_checkpoint, beside = resumed.parent_path() / noted.filename();
  std::error_code ignored;
  if (!noted.empty() && !fs::is_directory(noted, ignored) && fs::is_directory(beside, ignored))
    state_.best_checkpoint = beside.string();
}

/// Rank 0 has the checkpoints; the others get what it reads.
void Trainer::load_best() {
  const fs::path best = state_.best_checkpoint;
  const bool is_there = checkpoints_ && fs::is_directory(best);
  const bool is_current = best == checkpoint_path(options_.output_dir, state_.global_step);
  const bool loads = group_.gather({is_there && !is_current ? 1.0 : 0.0})[0][0] != 0.0;
  if (checkpoints_ && !is_there) {
    log::warn("load_best_model_at_end: {}; the model stays as the last step left it",
              best.empty() ? "no checkpoint belongs to the best evaluation" : best.string() + " is not there any more");
  } else if (checkpoints_) {
    log::info("the result is the best model that was saved, {}; the best {} was {:.4f} after step {}", best.string(),
              options_.evaluation.metric, state_.best_metric.value_or(0.0), state_.best_step);
  }
  if (loads) {
    if (checkpoints_) trainee_.restore(best);
    send_from_first(trainee_.trainable(), group_);
    evaluated_.reset();
  }
  if (is_there && options_.save_total_limit == 1) checkpoints_->leave_only(best);
}

std::optional<nlohmann::json> Trainer::evaluate_result() {
  if (!evaluated_ || evaluated_step_ != state_.global_step) {
    const StopSignal guard;
    evaluated_ = evaluations_->run("of the result",
                                   [this](const auto& found) { log_->log_evaluation(found, /*of_result=*/true); });
    evaluated_step_ = state_.global_step;
  }
  if (!evaluated_) return std::nullopt;
  nlohmann::json metrics = *evaluated_;
  metrics["epoch"] = state_.epoch;
  return metrics;
}

}  // namespace lmf::train
