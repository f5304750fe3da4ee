#include "train/worker/evaluations.hpp"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <utility>

#include <fmt/format.h>

#include "base/log.hpp"
#include "base/progress.hpp"
#include "lmf/error.hpp"
#include "train/shared/evaluation_choice.hpp"
#include "train/worker/speed_metrics.hpp"

namespace lmf::train {

using nlohmann::json;

Evaluations::Evaluations(const EvaluationOptions& options, std::vector<EvaluationSet> sets,
                         const model::Decoder& decoder, ProcessGroup& group)
    : options_(options), sets_(std::move(sets)), decoder_(decoder), group_(group) {}

std::optional<json> Evaluations::run(const std::string& when, const std::function<void(const json&)>& found) {
  std::vector<json> of_sets;
  for (const EvaluationSet& set : sets_) {
    auto metrics = evaluate(when, set);
    if (!metrics) return std::nullopt;
    of_sets.push_back(std::move(*metrics));
  }
  json all = json::object();
  for (const json& metrics : of_sets) {
    all.update(metrics);
    if (found) found(metrics);
  }
  return all;
}

std::optional<json> Evaluations::evaluate(const std::string& when, const EvaluationSet& set) {
  group_.enter("evaluation " + when);
  const Evaluator evaluator(decoder_, set.store, options_.batch_size, options_.accuracy, group_);
  const auto began = std::chrono::steady_clock::now();
  EvaluationResult result;
  {
    std::optional<Progress> progress;  // gone before the log speaks
    if (group_.leads()) progress.emplace("evaluating", evaluator.rounds());
    result = evaluator.run([&progress](std::int64_t round) {
      if (progress) progress->update(round);
    });
  }
  signal_ = result.signal;
  if (signal_ != 0) return std::nullopt;
  const std::chrono::duration<double> time = std::chrono::steady_clock::now() - began;
  const double seconds = std::max(time.count(), 1e-9);
  const auto name = [&set](const char* metric) { return metric_name(set.name, metric); };
  json metrics = speed_metrics(name(""), seconds, static_cast<double>(evaluator.examples()),
                               static_cast<double>(evaluator.rounds()));
  metrics[name("loss")] = result.loss;
  std::string accuracy;
  if (options_.accuracy) {
    metrics[name("accuracy")] = result.accuracy;
    accuracy = fmt::format(", {} {:.4f}", name("accuracy"), result.accuracy);
  }
  log::info("{}: {} {:.4f}{} ({} examples, {:.1f} s)", when, name("loss"), result.loss, accuracy, evaluator.examples(),
            seconds);
  return metrics;
}

std::vector<double> Evaluations::sizes() const {
  std::vector<double> sizes;
  for (const EvaluationSet& set : sets_) {
    sizes.push_back(static_cast<double>(set.store.size()));
    sizes.push_back(static_cast<double>(set.store.tokens()));
  }
  return sizes;
}

bool evaluation_is_due(const EvaluationOptions& options, const TrainerState& state, bool epoch_ends) {
  if (options.strategy == EvaluationOptions::Strategy::no) return false;
  if (options.strategy == EvaluationOptions::Strategy::epoch) return epoch_ends && options.delay <= state.epoch;
  if (options.delay > static_cast<double>(state.global_step)) return false;
  const std::int64_t every = std::max<std::int64_t>(1, static_cast<std::int64_t>(state.eval_steps));
  return state.global_step % every == 0 || state.global_step == state.max_steps;
}

Verdict judge(const json& metrics, const EvaluationOptions& options, TrainerState& state) {
  if (options.metric.empty()) return {};
  if (!metrics.contains(options.metric))
    throw Error(fmt::format("metric_for_best_model: there is no {} among {}", options.metric, metrics.dump()),
                "name one of them", kExitUsage);
  const double value = metrics[options.metric];
  Verdict verdict;
  verdict.is_best =
      !state.best_metric || (options.greater_is_better ? value > *state.best_metric : value < *state.best_metric);
  if (std::isnan(value)) verdict.is_best = false;
  if (verdict.is_best) {
    state.best_metric = value;
    state.best_step = state.global_step;
  }
  state.evaluations_without_progress = verdict.is_best ? 0 : state.evaluations_without_progress + 1;
  verdict.stops_early = options.patience && state.evaluations_without_progress >= *options.patience;
  return verdict;
}

}  // namespace lmf::train
