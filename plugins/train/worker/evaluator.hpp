#pragma once

#include <cstdint>
#include <functional>

#include "data/token_store.hpp"
#include "model/decoder.hpp"
#include "train/worker/process_group.hpp"

namespace lmf::train {

/// What one pass over the examples came to, over all ranks.
struct EvaluationResult {
  double loss = 0.0;
  double accuracy = 0.0;  ///< mean over the examples of the share of their labels that are predicted right
  int signal = 0;         ///< that any rank has received, 0 for none: then the pass was given up
};

/// Measures a model on examples as transformers' Seq2SeqTrainer does, on which the original builds. Every rank takes
/// the batches in turn; a round is one batch of each. The loss of a round is the mean over its labels, the result the
/// mean over the rounds, of which a short last one counts like the others. So it depends on the batches' size and on
/// the number of ranks, as the original's does. Several ranks fill the last round up with the first examples, and these
/// count there.
///
/// Two departures keep a number where the original has NaN: rounds without any label, and examples without one for the
/// accuracy, are left out. Nothing random is drawn, so that a training goes on as if it had not been evaluated.
class Evaluator {
 public:
  Evaluator(const model::Decoder& decoder, const data::TokenStore& store, std::int64_t batch_size, bool accuracy,
            ProcessGroup& group);
  std::int64_t rounds() const { return rounds_; }
  std::int64_t examples() const { return store_.size(); }
  /// `progress` hears how many rounds are done. Throws Error when there is no label at all.
  EvaluationResult run(const std::function<void(std::int64_t)>& progress = {}) const;

 private:
  std::vector<double> scores_of(std::int64_t round) const;

  const model::Decoder& decoder_;
  const data::TokenStore& store_;
  std::int64_t batch_size_;
  bool accuracy_;
  ProcessGroup& group_;
  std::int64_t rounds_;
};

}  // namespace lmf::train
