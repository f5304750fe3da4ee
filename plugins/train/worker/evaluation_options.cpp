#include "train/worker/evaluation_options.hpp"

#include <string>
#include <vector>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "train/shared/evaluation_choice.hpp"

namespace lmf::train {

EvaluationOptions EvaluationOptions::from(const config::Options& options) {
  EvaluationOptions result;
  const std::string strategy = options.text("eval_strategy");
  result.strategy = strategy == "steps" ? Strategy::steps : strategy == "epoch" ? Strategy::epoch : Strategy::no;
  result.steps = evaluation_steps(options);
  result.delay = options.number("eval_delay");
  result.on_start = options.flag("eval_on_start");
  result.at_end = options.flag("do_eval") || result.strategy != Strategy::no;
  result.batch_size = options.integer("per_device_eval_batch_size");
  result.accuracy = counts_accuracy(options);
  result.metric = best_metric(options);
  result.greater_is_better =
      options.is_null("greater_is_better") ? !result.metric.ends_with("loss") : options.flag("greater_is_better");
  std::vector<std::string> data;
  for (const EvaluationData& one : evaluation_data(options)) data.push_back(one.shown);
  result.data = fmt::format("{}", fmt::join(data, ", "));
  result.load_best = options.flag("load_best_model_at_end");
  if (!options.is_null("early_stopping_steps")) result.patience = options.integer("early_stopping_steps");
  return result;
}

std::string EvaluationOptions::best_by() const {
  if (metric.empty()) return {};
  return fmt::format("{} ({} is better) on {}", metric, greater_is_better ? "more" : "less", data);
}

}  // namespace lmf::train
