#include "train/worker/run_log.hpp"

#include <algorithm>
#include <utility>

#include "train/worker/speed_metrics.hpp"

namespace lmf::train {

using nlohmann::json;

RunLog::RunLog(const TrainOptions& options, const StepPlan& plan, TrainerState& state, RunState& run,
               std::int64_t multiplied_weights, bool writes)
    : options_(options),
      plan_(plan),
      state_(state),
      run_(run),
      flops_per_token_(6.0 * static_cast<double>(multiplied_weights)),
      logging_steps_(steps_or_share(options.logging_steps, plan.total_steps)),
      tokens_before_(state.input_tokens_seen),
      began_(std::chrono::steady_clock::now()) {
  if (writes) file_.emplace(options.output_dir, state.global_step, plan.total_steps);
}

double RunLog::seconds() const {
  const std::chrono::duration<double> since = std::chrono::steady_clock::now() - began_;
  return std::max(since.count(), 1e-9);
}

void RunLog::count(const StepResult& result) {
  state_.flops += flops_per_token_ * result.padded_tokens;
  if (options_.counted_tokens != CountedTokens::no) {
    const bool all = options_.counted_tokens == CountedTokens::all;
    state_.input_tokens_seen += static_cast<std::int64_t>(all ? result.padded_tokens : result.plain_tokens);
  }
  run_.loss_since_log += result.loss;
  run_.loss_of_run += result.loss;
}

bool RunLog::is_due() const {
  if (options_.logging_first_step && state_.global_step == 1) return true;
  return logging_steps_ > 0 && state_.global_step % logging_steps_ == 0;
}

void RunLog::add(json entry) {
  entry["step"] = state_.global_step;
  if (file_) file_->add(entry, state_.global_step, state_.input_tokens_seen);
  state_.log_history.push_back(std::move(entry));
}

void RunLog::log_if_due(const StepResult& result) {
  if (!is_due()) return;
  const auto steps = static_cast<double>(state_.global_step - run_.last_logged_step);
  json entry = {{"loss", run_.loss_since_log / steps},
                {"grad_norm", result.gradient_norm},
                {"learning_rate", result.learning_rate},
                {"epoch", state_.epoch}};
  if (options_.counted_tokens != CountedTokens::no) {
    const double time = seconds();
    entry["num_input_tokens_seen"] = state_.input_tokens_seen;
    entry["train_runtime"] = rounded(time, 4);
    entry["train_tokens_per_second"] =
        rounded(static_cast<double>(state_.input_tokens_seen - tokens_before_) / time, 3);
  }
  add(std::move(entry));
  run_.loss_since_log = 0.0;
  run_.last_logged_step = state_.global_step;
}

void RunLog::log_evaluation(json metrics, bool of_result) {
  metrics["epoch"] = state_.epoch;
  if (!of_result)
    add(std::move(metrics));
  else if (file_)
    file_->add(metrics, state_.global_step, state_.input_tokens_seen);
}

json RunLog::finish(std::int64_t tokens) {
  const double time = seconds();
  const auto steps = static_cast<double>(plan_.total_steps);
  const double samples = options_.max_steps > 0 ? steps * static_cast<double>(plan_.step_size())
                                                : static_cast<double>(plan_.examples) * options_.epochs;
  json metrics = {
      {"epoch", state_.epoch},
      {"total_flos", state_.flops},
      {"train_loss", run_.loss_of_run / static_cast<double>(std::max<std::int64_t>(1, state_.global_step))}};
  metrics.update(speed_metrics("train_", time, samples, steps));
  if (options_.counted_tokens != CountedTokens::no) metrics["num_input_tokens_seen"] = state_.input_tokens_seen;
  add(metrics);
  if (options_.effective_tokens_per_second)  // in the results alone, as the original has it
    metrics["effective_tokens_per_sec"] =
        static_cast<double>(tokens) * state_.epoch / time / static_cast<double>(plan_.ranks);
  return metrics;
}

}  // namespace lmf::train
