#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "config/options.hpp"

namespace lmf::train {

/// When a run evaluates, and what follows from the numbers; names and defaults of transformers' Trainer.
struct EvaluationOptions {
  enum class Strategy { no, steps, epoch } strategy = Strategy::no;
  double steps = 500;  ///< between evaluations; below 1: a share of all steps
  double delay = 0.0;  ///< steps, or with Strategy::epoch epochs, before the first one
  bool on_start = false;
  bool at_end = false;  ///< once more when the training is over (do_eval), for eval_results.json
  std::int64_t batch_size = 8;
  bool accuracy = false;  ///< also the share of tokens that are predicted right

  std::string metric;  ///< decides which model is the best: "eval_loss"; "": none does
  bool greater_is_better = false;
  bool load_best = false;                ///< the best checkpoint's weights are the result
  std::optional<std::int64_t> patience;  ///< evaluations without progress after which the training stops

  std::string data;  ///< to evaluate on, as messages call it

  /// By what the best model is chosen, metric, direction and data; "": nothing looks for one. Numbers of the same
  /// best_by() can be compared.
  std::string best_by() const;
  static EvaluationOptions from(const config::Options& options);
};

}  // namespace lmf::train
