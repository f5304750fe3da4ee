#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "train/shared/trainer_state.hpp"
#include "train/worker/evaluation_options.hpp"
#include "train/worker/evaluator.hpp"

namespace lmf::train {

/// Examples to evaluate on. `name`: as EvaluationData has it.
struct EvaluationSet {
  std::string name;
  data::TokenStore store;
};

/// The evaluations of a run over all its sets: when they are due and what they find.
class Evaluations {
 public:
  Evaluations(const EvaluationOptions& options, std::vector<EvaluationSet> sets, const model::Decoder& decoder,
              ProcessGroup& group);

  const EvaluationOptions& options() const { return options_; }
  /// The numbers of each set, {"eval_loss": ...}, are handed to `found`, but only when all sets are through: an
  /// evaluation is logged whole or not at all. Returns those of all sets, or nothing when a signal() came first.
  std::optional<nlohmann::json> run(const std::string& when,
                                    const std::function<void(const nlohmann::json&)>& found = {});
  int signal() const { return signal_; }
  /// Examples and tokens of all sets, to compare what the ranks have.
  std::vector<double> sizes() const;

 private:
  std::optional<nlohmann::json> evaluate(const std::string& when, const EvaluationSet& set);

  const EvaluationOptions options_;
  std::vector<EvaluationSet> sets_;
  const model::Decoder& decoder_;
  ProcessGroup& group_;
  int signal_ = 0;
};

/// Whether one is due where the run is. `epoch_ends`: an epoch, or the training.
bool evaluation_is_due(const EvaluationOptions& options, const TrainerState& state, bool epoch_ends);

/// What the numbers of an evaluation mean for the run.
struct Verdict {
  bool is_best = false;      ///< better than all before
  bool stops_early = false;  ///< there has been no progress for as long as early_stopping_steps allows
};
/// Notes the best metric, its step and the evaluations without progress in `state`. Throws Error when the metric that
/// decides is not among the numbers.
Verdict judge(const nlohmann::json& metrics, const EvaluationOptions& options, TrainerState& state);

}  // namespace lmf::train
