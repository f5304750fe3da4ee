#include "infer/decode_step.hpp"

#include <algorithm>

#include <torch/utils.h>

#include "base/log.hpp"

namespace lmf::infer {

DecodeStep::DecodeStep(const model::Decoder& decoder, model::SlottedCache& cache, std::int64_t slots,
                       std::int64_t length, GraphRecorder* recorder)
    : decoder_(decoder),
      cache_(cache),
      length_(length),
      recorder_(recorder),
      next_integers_(torch::zeros({2, slots}, torch::kInt64)),
      next_angles_(torch::zeros({2, slots, 1, decoder.spec().head_dim / 2}, torch::kFloat32)),
      integers_(torch::zeros_like(next_integers_, torch::TensorOptions(decoder.device()))),
      angles_(torch::zeros_like(next_angles_, torch::TensorOptions(decoder.device()).dtype(decoder.dtype()))) {
  forget_rows();
}

/// A row of nobody writes its key and value to the cache's last position, which is no sequence's.
void DecodeStep::forget_rows() {
  next_integers_.select(0, 0).zero_();
  next_integers_.select(0, 1).fill_(cache_.positions() - 1);
}

void DecodeStep::set(std::int64_t slot, std::int64_t token, std::int64_t position, const float* cos, const float* sin) {
  const std::int64_t slots = next_integers_.size(1), half = next_angles_.size(3);
  auto* integers = next_integers_.data_ptr<std::int64_t>();
  integers[slot] = token;
  integers[slots + slot] = position;
  float* angles = next_angles_.data_ptr<float>();
  std::copy_n(cos, half, angles + slot * half);
  std::copy_n(sin, half, angles + (slots + slot) * half);
}

void DecodeStep::compute() {
  const model::BatchedTokens tokens{integers_[0], integers_[1], angles_[0], angles_[1]};
  logits_ = decoder_.logits(model::hidden_batched(decoder_, tokens, cache_, length_));
}

/// What cannot be recorded is computed as the first time, and so are all sizes that are not recorded by then.
void DecodeStep::record() {
  try {
    graph_ = recorder_->record([this] { compute(); });
  } catch (const c10::Error& error) {
    recorder_->has_failed = true;
    log::warn("decoding goes on without further graphs, which is slower: {} could not record one: {}",
              decoder_.device().str(), error.what_without_backtrace());
  }
}

const torch::Tensor& DecodeStep::run() {
  integers_.copy_(next_integers_);
  angles_.copy_(next_angles_);
  forget_rows();
  // Not the first time: libraries allocate then what they keep, which no graph may.
  if (!graph_ && recorder_ && !recorder_->has_failed && has_run_) record();
  graph_ ? graph_->replay() : compute();
  has_run_ = true;
  return logits_;
}

}  // namespace lmf::infer
