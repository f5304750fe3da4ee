#pragma once

#include <map>
#include <memory>
#include <optional>
#include <vector>

#include <c10/core/Stream.h>

#include "infer/decode_step.hpp"
#include "infer/executor.hpp"
#include "infer/rotary_rows.hpp"

namespace lmf::infer {

/// Executor with libtorch's operators, on any device: what a GPU runs. A step that has one token of each sequence and
/// no adapter, as most, is one batch of a fixed size (DecodeStep). Otherwise rows with the same adapter are computed
/// together, but for attention: that is one sequence after the other.
class TorchExecutor final : public Executor {
 public:
  /// Without a recorder steps are not recorded.
  TorchExecutor(model::Decoder decoder, const ExecutorSettings& settings, std::vector<model::Decoder> adapted = {},
                std::unique_ptr<GraphRecorder> recorder = nullptr);

  const model::DecoderSpec& spec() const override { return decoder_.spec(); }
  std::int64_t slots() const override { return slots_; }
  std::int64_t adapters() const override { return static_cast<std::int64_t>(adapted_.size()); }
  std::int64_t slot_tokens() const override { return slot_tokens_; }
  std::int64_t step_tokens() const override { return step_tokens_; }
  std::span<const float> run(std::span<const Row> rows) override;
  std::span<const float> states() const override;
  void copy_prefix(std::int64_t from, std::int64_t to, std::int64_t tokens) override;

  /// Sizes of batches that are recorded as graphs so far.
  std::int64_t recorded_graphs() const;

 private:
  DecodeStep& step_for(std::int64_t slots, std::int64_t length);
  void run_batch(std::span<const Row> rows);
  void run_group(std::span<const Row> rows, std::int32_t adapter);

  model::Decoder decoder_;
  std::vector<model::Decoder> adapted_;
  std::int64_t slots_, slot_tokens_, step_tokens_;
  model::SlottedCache cache_;
  RotaryRows rotary_;
  std::unique_ptr<GraphRecorder> recorder_;
  // Batches of different sizes, by slots and positions.
  std::map<std::pair<std::int64_t, std::int64_t>, std::unique_ptr<DecodeStep>> steps_;
  std::optional<c10::Stream> stream_;  // of its own, on a GPU: the default one cannot be recorded
  torch::Tensor logits_;               // float32 [n, V] on the CPU, what run() returned
  torch::Tensor states_;               // float32 [n, C] on the CPU
};

}  // namespace lmf::infer
