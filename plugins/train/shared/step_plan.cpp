#include "train/shared/step_plan.hpp"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "lmf/error.hpp"

namespace lmf::train {
namespace {

std::int64_t quotient_up(std::int64_t a, std::int64_t b) { return a / b + (a % b != 0); }
std::int64_t whole_up(double value) { return static_cast<std::int64_t>(std::ceil(value)); }

}  // namespace

StepPlan StepPlan::of(std::int64_t examples, std::int64_t batch_size, std::int64_t accumulation, double epochs,
                      std::int64_t max_steps, std::int64_t ranks) {
  if (examples <= 0) throw Error("there is no example to train on", "check dataset and cutoff_len", kExitUsage);
  StepPlan plan;
  plan.examples = examples;
  plan.batch_size = batch_size;
  plan.accumulation = accumulation;
  plan.ranks = ranks;
  plan.rounds_per_epoch = quotient_up(examples, plan.round_size());
  plan.steps_per_epoch = quotient_up(plan.rounds_per_epoch, accumulation);
  if (max_steps > 0) {
    plan.total_steps = max_steps;
    plan.epochs = quotient_up(max_steps, plan.steps_per_epoch);
  } else {
    plan.total_steps = whole_up(epochs * static_cast<double>(plan.steps_per_epoch));
    plan.epochs = whole_up(epochs);
  }
  if (plan.total_steps < 1)
    throw Error(fmt::format("num_train_epochs {} of {} examples is no step at all", epochs, examples),
                "raise num_train_epochs or set max_steps", kExitUsage);
  return plan;
}

StepPlan StepPlan::of(const config::Options& options, std::int64_t examples, std::int64_t ranks) {
  return of(examples, options.integer("per_device_train_batch_size"), options.integer("gradient_accumulation_steps"),
            options.number("num_train_epochs"), options.integer("max_steps"), ranks);
}

StepPlan StepPlan::continued(std::int64_t step, Position next, double wanted_epochs, std::int64_t max_steps) const {
  if (position(step) == next) return *this;
  StepPlan plan = *this;
  plan.first_step = step;
  plan.first_position = next;
  if (max_steps > 0) {
    plan.epochs = std::max(next.epoch + 1, plan.position(max_steps - 1).epoch + 1);
    return plan;
  }
  const double more_epochs =
      wanted_epochs - static_cast<double>(next.epoch) - 1.0;  // after the one that is finished first
  const auto more_steps = whole_up(more_epochs * static_cast<double>(steps_per_epoch));  // below 0: that one is not
  plan.total_steps = step + std::max<std::int64_t>(0, plan.steps_of_first_epoch() + more_steps);
  return plan;
}

std::int64_t StepPlan::steps_of_first_epoch() const {
  return quotient_up(examples - first_position.example, step_size());
}

Position StepPlan::position(std::int64_t step) const {
  std::int64_t after = step - first_step;
  if (after < steps_of_first_epoch()) return {first_position.epoch, first_position.example + after * step_size()};
  after -= steps_of_first_epoch();
  return {first_position.epoch + 1 + after / steps_per_epoch, after % steps_per_epoch * step_size()};
}

std::int64_t StepPlan::rounds(std::int64_t step) const {
  return std::min(accumulation, quotient_up(examples - position(step).example, round_size()));
}

double StepPlan::epoch_after(std::int64_t steps) const {
  if (steps == 0) return 0.0;
  const Position last = position(steps - 1);
  const std::int64_t done = last.example + rounds(steps - 1) * round_size(), all = rounds_per_epoch * round_size();
  return static_cast<double>(last.epoch) +
         (done >= examples ? 1.0 : static_cast<double>(done) / static_cast<double>(all));
}

std::int64_t steps_or_share(double value, std::int64_t total) {
  return static_cast<std::int64_t>(value >= 1.0 ? value : std::ceil(value * static_cast<double>(total)));
}

}  // namespace lmf::train
