#include "train/shared/evaluation_choice.hpp"

#include <algorithm>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "train/shared/inputs.hpp"

namespace lmf::train {

bool evaluates(const config::Options& options) {
  const bool during = options.text("eval_strategy") != "no" || options.flag("eval_on_start");
  return options.flag("do_eval") || (options.flag("do_train") && during);
}

double evaluation_steps(const config::Options& options) {
  const double given = options.is_null("eval_steps") ? 0.0 : options.number("eval_steps");
  return given > 0.0 ? given : options.number("logging_steps");
}

std::string best_metric(const config::Options& options) {
  std::string name = options.is_null("metric_for_best_model") ? "" : options.text("metric_for_best_model");
  if (name.empty() && options.flag("load_best_model_at_end")) name = "loss";
  return name.empty() || name.starts_with("eval_") ? name : "eval_" + name;
}

std::vector<EvaluationData> evaluation_data(const config::Options& options) {
  std::vector<EvaluationData> result;
  data::PrepareOptions all = data_options(options);
  if (all.part) {
    all.part->is_held_out = true;
    result.push_back({"", all, fmt::format("val_size {} of {}", all.part->held_out, fmt::join(all.datasets, ", "))});
    return result;
  }
  const auto named = options.list("eval_dataset");
  if (named.empty()) return result;
  if (!options.flag("eval_on_each_dataset")) {
    all.datasets = named;
    result.push_back({"", all, fmt::format("eval_dataset {}", fmt::join(named, ", "))});
    return result;
  }
  for (const std::string& name : named) {
    const auto same = [&name](const EvaluationData& other) { return other.name == name; };
    if (std::any_of(result.begin(), result.end(), same)) continue;
    all.datasets = {name};
    result.push_back({name, all, fmt::format("eval_dataset {}", name)});
  }
  return result;
}

bool counts_accuracy(const config::Options& options) {
  return options.flag("compute_accuracy") && !options.flag("prediction_loss_only");
}

std::string metric_name(const std::string& data_name, const std::string& metric) {
  return data_name.empty() ? "eval_" + metric : fmt::format("eval_{}_{}", data_name, metric);
}

}  // namespace lmf::train
