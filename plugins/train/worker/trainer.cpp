#include "train/worker/trainer.hpp"

#include <algorithm>
#include <cstdlib>
#include <utility>

#include <fmt/format.h>

#include "base/log.hpp"
#include "base/peak_memory.hpp"
#include "base/progress.hpp"
#include "model/decoder_shapes.hpp"
#include "train/shared/job.hpp"
#include "train/worker/stop_signal.hpp"

namespace lmf::train {

Trainer::Trainer(const TrainOptions& options, Trainee& trainee, const data::TokenStore& store,
                 std::function<void(const std::filesystem::path&)> write_companions, ProcessGroup& group,
                 Evaluations* evaluations)
    : options_(options),
      trainee_(trainee),
      store_(store),
      group_(group),
      evaluations_(evaluations),
      write_companions_(std::move(write_companions)),
      plan_(StepPlan::of(store.size(), options.batch_size, options.accumulation, options.epochs, options.max_steps,
                         group.size())),
      schedule_(LearningRateSchedule::kind(options.schedule), warmup_steps(options, plan_.total_steps),
                plan_.total_steps),
      optimizer_(trainee.trainable(), options.adamw),
      save_steps_(steps_or_share(options.save_steps, plan_.total_steps)) {
  const std::int64_t number = run_number(options.output_dir, options.resume_from);
  const char* job = std::getenv(kJobIdVariable);
  run_ = {.run = number,
          .job = job ? job : "",
          .seed = options.seed,
          .data_seed = options.data_seed,
          .shuffle = options.shuffle,
          .examples = store.size(),
          .best_by = options.evaluation.best_by(),
          .base_model = model::shape_facts(trainee.decoder().spec())};
  if (group.leads()) {
    checkpoints_.emplace(options.output_dir, options.save_total_limit, number, options.overwrite_output_dir);
  }
}

int Trainer::run() {
  restore();
  require_same_beginning();
  stepper_.emplace(options_, plan_, trainee_, store_, optimizer_, group_);
  announce();
  if (checkpoints_ && options_.save_strategy != SaveStrategy::no) checkpoints_->require_space(checkpoint_bytes());
  // The log is the first of the earlier run's files to go.
  if (group_.leads()) begin_run(options_.output_dir, run_.run, options_.resume_from);
  log_.emplace(options_, plan_, state_, run_, trainee_.multiplied_weights(), group_.leads());
  const StopSignal guard;
  if (const int signal = evaluate_at_start()) return stopped_by(signal, options_.resume_from.value_or(""));
  std::optional<Progress> progress;
  if (group_.leads()) progress.emplace("training", plan_.total_steps, state_.global_step);
  while (state_.global_step < plan_.total_steps && !verdict_.stops_early) {
    const StepResult result = step();
    if (progress) progress->update(state_.global_step, note(result.loss));
    int signal = state_.global_step < plan_.total_steps ? result.signal : 0;
    verdict_ = {};
    if (signal == 0 && evaluations_ && evaluation_is_due(options_.evaluation, state_, ends_epoch())) {
      if (progress) progress->hide();
      signal = evaluate_now();
    }
    if (!is_due_for_saving() && signal == 0) continue;
    const auto saved = checkpoints_ ? save_checkpoint() : std::filesystem::path();
    if (signal != 0) {
      progress.reset();
      return stopped_by(signal, saved);
    }
  }
  if (progress) progress->finish();
  finish();
  return 0;
}

int Trainer::stopped_by(int signal, const std::filesystem::path& saved) const {
  if (saved.empty() && checkpoints_) {
    log::warn("stopped by signal {} before the first step", signal);
  } else if (checkpoints_) {
    log::warn("stopped by signal {} after step {}: saved {}; resume_from_checkpoint={} goes on from there", signal,
              state_.global_step, saved.string(), saved.string());
  }
  return 128 + signal;
}

/// What stands behind the bar.
std::string Trainer::note(double loss) const {
  if (!evaluated_ || !evaluated_->contains("eval_loss")) return fmt::format("loss {:.4f}", loss);
  return fmt::format("loss {:.4f}, eval_loss {:.4f}", loss, (*evaluated_)["eval_loss"].get<double>());
}

void Trainer::restore() {
  if (options_.resume_from) {
    const auto point = ResumePoint::read(*options_.resume_from);
    restore_training_state(point, run_, optimizer_);
    state_ = point.trainer;
    take_best(point);
    continue_plan(point);
    log::info("resuming from {}: step {} of {}, epoch {:.3f}, learning rate {:g}", options_.resume_from->string(),
              state_.global_step, plan_.total_steps, state_.epoch,
              options_.learning_rate * schedule_.factor(state_.global_step));
  }
  say_what_becomes_of_earlier_checkpoints();
  state_.max_steps = plan_.total_steps;
  state_.epochs = plan_.epochs;
  state_.logging_steps = static_cast<double>(steps_or_share(options_.logging_steps, plan_.total_steps));
  state_.save_steps = static_cast<double>(save_steps_);
  state_.eval_steps = static_cast<double>(steps_or_share(options_.evaluation.steps, plan_.total_steps));
  state_.patience = options_.evaluation.patience;
  state_.batch_size = options_.batch_size;
}

void Trainer::say_what_becomes_of_earlier_checkpoints() const {
  auto earlier = checkpoints_in(options_.output_dir);
  std::erase_if(earlier, [this](const CheckpointFolder& checkpoint) { return checkpoint.run == run_.run; });
  if (earlier.empty()) return;
  log::warn(
      "{} holds checkpoints of an earlier run, the newest {}; they stay, and save_total_limit counts this run's alone; "
      "one whose step this run reaches is {}",
      options_.output_dir.string(), earlier.back().path.filename().string(),
      options_.overwrite_output_dir ? "replaced (overwrite_output_dir)" : "renamed to checkpoint-N-earlier-1");
}

/// The checkpoint says which example comes next: with other batches or ranks than before, the rest of the epoch has
/// another number of steps.
void Trainer::continue_plan(const ResumePoint& point) {
  plan_ = point.continued(plan_, run_.position, options_.epochs, options_.max_steps);
  schedule_ = {LearningRateSchedule::kind(options_.schedule), warmup_steps(options_, plan_.total_steps),
               plan_.total_steps};
  save_steps_ = steps_or_share(options_.save_steps, plan_.total_steps);
  if (plan_.first_step > 0) {
    log::info(
        "the rounds were of another size before: the rest of epoch {} from its example {} on has {} steps, the run {}",
        run_.position->epoch + 1, run_.position->example + 1, plan_.steps_of_first_epoch(), plan_.total_steps);
  }
}

/// Files that only some of the nodes have would let the ranks train different things without anybody noticing.
void Trainer::require_same_beginning() {
  const auto all = group_.gather({static_cast<double>(state_.global_step), static_cast<double>(store_.size()),
                                  static_cast<double>(store_.tokens())});
  for (std::size_t rank = 1; rank < all.size(); ++rank) {
    if (all[rank] == all[0]) continue;
    throw Error(
        fmt::format(
            "rank {}, {}, begins after step {} with {} examples of {} tokens; rank 0 after step {} with {} of {}", rank,
            group_.name_of(static_cast<int>(rank)), all[rank][0], all[rank][1], all[rank][2], all[0][0], all[0][1],
            all[0][2]),
        "all nodes need the same data sets, and to resume, the same output_dir");
  }
  if (evaluations_) {
    const auto sizes = group_.gather(evaluations_->sizes());
    const auto other = std::find_if(sizes.begin(), sizes.end(), [&](const auto& of) { return of != sizes[0]; });
    if (other != sizes.end())
      throw Error(fmt::format("rank {} has other examples to evaluate on than rank 0", other - sizes.begin()),
                  "all nodes need the same data sets");
  }
  NamedTensors frozen = trainee_.decoder().parameters();
  std::erase_if(frozen, [](const auto& named) { return named.second.requires_grad(); });
  require_same(frozen, group_);
}

void Trainer::announce() const {
  const std::int64_t all = trainee_.parameter_count(), learning = trainee_.trainable_count();
  const std::int64_t global_batch = plan_.step_size();
  const std::string on_ranks = group_.world().alone() ? "" : fmt::format(" × {} ranks", group_.size());
  const double tokens_per_step =
      static_cast<double>(store_.tokens()) / static_cast<double>(plan_.examples) * static_cast<double>(global_batch);
  log::info(
      "{} tuning: {} parameters, {} trainable ({:.2f} %); {} examples, {:.3g} epochs, global batch {} ({} × {}{}), "
      "about {:.0f} "
      "tokens a step, {} steps{}",
      name(options_.method), all, learning, 100.0 * static_cast<double>(learning) / static_cast<double>(all),
      plan_.examples, options_.max_steps > 0 ? plan_.epoch_after(plan_.total_steps) : options_.epochs, global_batch,
      options_.batch_size, options_.accumulation, on_ranks, tokens_per_step, plan_.total_steps,
      stepper_->recomputes() ? ", activations recomputed" : "");
}

StepResult Trainer::step() {
  const auto result = stepper_->make(state_.global_step, options_.learning_rate * schedule_.factor(state_.global_step));
  state_.global_step += 1;
  state_.epoch = plan_.epoch_after(state_.global_step);
  log_->count(result);
  log_->log_if_due(result);
  return result;
}

bool Trainer::ends_epoch() const {
  return state_.global_step == plan_.total_steps || plan_.position(state_.global_step).example == 0;
}

bool Trainer::is_due_for_saving() const {
  if (options_.save_strategy == SaveStrategy::no) return false;
  if (options_.save_strategy == SaveStrategy::best) return verdict_.is_best;
  if (state_.global_step == plan_.total_steps) return true;
  if (options_.save_strategy == SaveStrategy::epoch) return ends_epoch() || verdict_.stops_early;
  return save_steps_ > 0 && state_.global_step % save_steps_ == 0;
}

std::uint64_t Trainer::checkpoint_bytes() const {
  const auto learning = static_cast<std::uint64_t>(trainee_.trainable_count());
  const auto saved =
      options_.method == Method::lora ? learning : static_cast<std::uint64_t>(trainee_.parameter_count());
  return (saved + (options_.save_only_model ? 0 : 2 * learning)) * sizeof(float);
}

void Trainer::save_model(const std::filesystem::path& directory) {
  trainee_.save(directory);
  write_companions_(directory);
}

std::filesystem::path Trainer::save_checkpoint() {
  const Saving to_the_end;
  run_.position = plan_.position(state_.global_step);
  note_best_checkpoint();
  const auto fill = [this](const std::filesystem::path& directory) {
    save_model(directory);
    write_training_state(directory, run_, state_, options_.save_only_model ? nullptr : &optimizer_);
  };
  return checkpoints_->write(state_.global_step, checkpoint_bytes(), fill, state_.best_checkpoint);
}

void Trainer::finish() {
  metrics_ = log_->finish(store_.tokens());
  if (verdict_.stops_early)
    log::info("stopped after step {} of {}: {} evaluations in a row brought no progress (early_stopping_steps)",
              state_.global_step, plan_.total_steps, state_.evaluations_without_progress);
  if (checkpoints_ && checkpoints_->has(state_.best_step)) note_best_checkpoint();
  if (options_.evaluation.load_best) load_best();
  if (group_.leads()) {
    const Saving to_the_end;
    save_model(options_.output_dir);
  }
  const double time = metrics_["train_runtime"];
  log::info("done: mean loss {:.4f}, {:.1f} s, {:.3f} s a step, peak memory {} MiB",
            metrics_["train_loss"].get<double>(), time,
            time / static_cast<double>(std::max<std::int64_t>(1, state_.global_step)), peak_memory_bytes() >> 20);
}

}  // namespace lmf::train
