#pragma once

#include <vector>

#include "infer/executor.hpp"

namespace lmf::infer {

/// Executor with libtorch's operators, on any device: what a GPU runs. Rows with the same adapter are computed
/// together, but for attention: that is one sequence after the other.
class TorchExecutor final : public Executor {
 public:
  TorchExecutor(model::Decoder decoder, const ExecutorSettings& settings, std::vector<model::Decoder> adapted = {});

  const model::DecoderSpec& spec() const override { return decoder_.spec(); }
  std::int64_t slots() const override { return static_cast<std::int64_t>(caches_.size()); }
  std::int64_t adapters() const override { return static_cast<std::int64_t>(adapted_.size()); }
  std::int64_t slot_tokens() const override { return slot_tokens_; }
  std::int64_t step_tokens() const override { return step_tokens_; }
  std::span<const float> run(std::span<const Row> rows) override;
  std::span<const float> states() const override;
  void copy_prefix(std::int64_t from, std::int64_t to, std::int64_t tokens) override;

 private:
  model::KeyValueCache& reserve(std::int64_t slot, std::int64_t tokens);
  void run_group(std::span<const Row> rows, std::int32_t adapter);

  model::Decoder decoder_;
  std::vector<model::Decoder> adapted_;
  std::int64_t slot_tokens_, step_tokens_;
  std::vector<model::KeyValueCache> caches_;
  torch::Tensor logits_;  // float32 [n, V] on the CPU, what run() returned
  torch::Tensor states_;  // float32 [n, C] on the CPU
};

}  // namespace lmf::infer
