#include "train/worker/evaluator.hpp"

#include <algorithm>
#include <tuple>
#include <utility>
#include <vector>

#include <torch/utils.h>

#include "lmf/error.hpp"
#include "train/worker/batch.hpp"
#include "train/worker/stop_signal.hpp"
#include "train/worker/token_scores.hpp"

namespace lmf::train {
namespace {

enum Score : std::size_t { kLoss, kLabels, kRightShares, kJudged, kSignal, kScores };

/// Of the examples with labels: the sum of the shares of these that are right, and how many examples it sums.
std::pair<double, double> right_shares(const Batch& batch, const torch::Tensor& right) {
  const torch::Tensor rows = batch.rows.cpu(), right_here = right.cpu();
  const auto* row = rows.data_ptr<std::int64_t>();
  const auto* is_right = right_here.data_ptr<bool>();
  double sum = 0.0, judged = 0.0;
  std::int64_t at = 0;
  for (std::size_t example = 0; example < batch.examples.size(); ++example) {
    std::int64_t labels = 0, hits = 0;
    for (; at < rows.numel() && row[at] < batch.tokens.offsets[example + 1]; ++at) {
      ++labels;
      hits += is_right[at];
    }
    if (labels == 0) continue;
    sum += static_cast<double>(hits) / static_cast<double>(labels);
    judged += 1.0;
  }
  return {sum, judged};
}

}  // namespace

Evaluator::Evaluator(const model::Decoder& decoder, const data::TokenStore& store, std::int64_t batch_size,
                     bool accuracy, ProcessGroup& group)
    : decoder_(decoder), store_(store), batch_size_(batch_size), accuracy_(accuracy), group_(group) {
  const std::int64_t round_size = batch_size * group.size();
  rounds_ = (store.size() + round_size - 1) / round_size;
}

std::vector<double> Evaluator::scores_of(std::int64_t round) const {
  const std::int64_t begin = (round * group_.size() + group_.world().rank) * batch_size_;
  const std::int64_t end = group_.world().alone() ? std::min(begin + batch_size_, store_.size()) : begin + batch_size_;
  std::vector<std::int64_t> examples;
  for (std::int64_t i = begin; i < end; ++i) examples.push_back(i % store_.size());
  const Batch batch = Batch::of(store_, std::move(examples), decoder_.device());
  std::vector<double> scores(kScores, 0.0);
  scores[kLabels] = static_cast<double>(batch.labels);
  if (batch.rows.numel() > 0) {
    const auto hidden = decoder_.hidden(batch.tokens);  // [T, C]
    const TokenScores tokens = score_tokens(hidden.index_select(0, batch.rows), decoder_.head, batch.targets);
    scores[kLoss] = tokens.loss;
    if (accuracy_) std::tie(scores[kRightShares], scores[kJudged]) = right_shares(batch, tokens.right);
  }
  scores[kSignal] = StopSignal::received();
  return scores;
}

EvaluationResult Evaluator::run(const std::function<void(std::int64_t)>& progress) const {
  const torch::NoGradGuard no_grad;
  EvaluationResult result;
  double losses = 0.0, measured = 0.0, right_shares = 0.0, judged = 0.0;
  for (std::int64_t round = 0; round < rounds_; ++round) {
    double loss = 0.0, labels = 0.0;
    for (const auto& of_rank : group_.gather(scores_of(round))) {
      loss += of_rank[kLoss];
      labels += of_rank[kLabels];
      right_shares += of_rank[kRightShares];
      judged += of_rank[kJudged];
      result.signal = std::max(result.signal, static_cast<int>(of_rank[kSignal]));
    }
    if (result.signal != 0) return result;
    if (labels > 0.0) {
      losses += loss / labels;
      measured += 1.0;
    }
    if (progress) progress(round + 1);
  }
  if (measured == 0.0) throw Error("the evaluation data have no label", "check eval_dataset, val_size and cutoff_len");
  result.loss = losses / measured;
  result.accuracy = judged > 0.0 ? right_shares / judged : 0.0;
  return result;
}

}  // namespace lmf::train
