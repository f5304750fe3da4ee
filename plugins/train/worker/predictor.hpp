#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "data/token_store.hpp"
#include "infer/answer_options.hpp"
#include "infer/loaded_model.hpp"
#include "train/worker/prediction_rows.hpp"

namespace lmf::train {

/// Lets a model answer the prompts of a store, several at once.
class Predictor {
 public:
  Predictor(infer::LoadedModel& model, const infer::AnswerOptions& options, const data::TokenStore& store)
      : model_(model), options_(options), store_(store) {}

  /// Requests that are in the engine: as many as it answers at once wait read, so that it need not wait for one.
  static std::size_t at_once(std::int64_t sequences) { return static_cast<std::size_t>(2 * sequences); }
  /// Each answer is handed over as soon as it is there, in whatever order they end. An example's answer depends on its
  /// number and the seed alone, not on what is answered beside it. Ends early, without the rest of the answers, when
  /// `signal` has one; it is asked all the while. Throws Error before the first answer when one of the prompts leaves
  /// no room for one.
  void run(const std::vector<std::int64_t>& examples, const std::function<int()>& signal,
           const std::function<void(std::int64_t, const Prediction&)>& found);

 private:
  infer::Request request(std::int64_t example) const;
  Prediction prediction(std::int64_t example, const std::vector<std::int32_t>& answer) const;

  infer::LoadedModel& model_;
  const infer::AnswerOptions& options_;
  const data::TokenStore& store_;
};

}  // namespace lmf::train
