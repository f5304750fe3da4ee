#pragma once

#include <cstdint>
#include <memory>

#include <torch/types.h>

#include "infer/graph.hpp"
#include "model/layer_forward.hpp"

namespace lmf::infer {

/// The next token of each of the first n slots, computed by the same operators on the same memory every time: on a GPU
/// they are recorded once, and from then on the step costs one launch instead of a dozen per layer. Without a sequence
/// in a slot its row is computed all the same, for nobody.
class DecodeStep {
 public:
  /// One that looks at the first `length` positions of `slots` slots. What is referred to lives longer than this.
  /// `recorder` may be null; steps that share one run one after the other.
  DecodeStep(const model::Decoder& decoder, model::SlottedCache& cache, std::int64_t slots, std::int64_t length,
             GraphRecorder* recorder);

  /// What the slot's next token is, and where; cos and sin, [D / 2] each, of the position's angles.
  void set(std::int64_t slot, std::int64_t token, std::int64_t position, const float* cos, const float* sin);
  /// Computes what has been set since the last run. Logits [n, V] in the decoder's dtype, valid until the next of any
  /// step that shares the recorder.
  const torch::Tensor& run();
  bool is_recorded() const { return graph_ != nullptr; }

 private:
  void compute();
  void record();
  void forget_rows();

  const model::Decoder& decoder_;
  model::SlottedCache& cache_;
  const std::int64_t length_;
  GraphRecorder* const recorder_;
  torch::Tensor next_integers_, next_angles_;  // on the CPU: int64 [2, n] and float32 [2, n, 1, D / 2]
  torch::Tensor integers_, angles_;            // on the device, what is recorded reads them
  torch::Tensor logits_;
  std::unique_ptr<Graph> graph_;
  bool has_run_ = false;
};

}  // namespace lmf::infer
