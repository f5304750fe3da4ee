#pragma once

#include <string>
#include <vector>

#include "config/options.hpp"
#include "data/prepare.hpp"

namespace lmf::train {

/// What the options say about evaluation, for the checks and for the trainer alike.

/// Whether the run evaluates at all: during the training, or after it, or without one.
bool evaluates(const config::Options& options);
/// eval_steps, or else logging_steps.
double evaluation_steps(const config::Options& options);
/// "eval_loss" for "loss"; with load_best_model_at_end the loss when none is named; "" when nothing looks for a best
/// model.
std::string best_metric(const config::Options& options);

/// Data to evaluate on. `name` is "" but for eval_on_each_dataset: then the data set's, and part of its metrics' names.
struct EvaluationData {
  std::string name;
  data::PrepareOptions options;
  std::string shown;  ///< for messages: "eval_dataset a, b", "val_size 0.1 of a"
};
/// None when neither eval_dataset nor val_size is given.
std::vector<EvaluationData> evaluation_data(const config::Options& options);
/// Whether evaluations count the tokens that are predicted right.
bool counts_accuracy(const config::Options& options);
/// "eval_loss", "eval_NAME_loss".
std::string metric_name(const std::string& data_name, const std::string& metric);

}  // namespace lmf::train
