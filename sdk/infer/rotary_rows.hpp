#pragma once

#include <span>
#include <vector>

#include <torch/types.h>

#include "infer/executor.hpp"

namespace lmf::infer {

/// Cosines and sines of a step's rows, from a table that is computed once for every position. Where the angles depend
/// on the sequence's length (RoPE's dynamic kind, beyond the original length) they are computed anew.
class RotaryRows {
 public:
  explicit RotaryRows(const model::DecoderSpec& spec) : spec_(spec) {}
  void prepare(std::span<const Row> rows);
  const float* cosines(std::size_t row) const { return cosines_.data() + row * half(); }  ///< [head_dim / 2]
  const float* sines(std::size_t row) const { return sines_.data() + row * half(); }

 private:
  std::size_t half() const { return static_cast<std::size_t>(spec_.head_dim / 2); }
  void extend_table(std::int64_t positions);
  void prepare_by_length(std::span<const Row> rows, std::size_t first, std::int64_t length);

  const model::DecoderSpec& spec_;
  torch::Tensor table_cosines_, table_sines_;  // float32 [positions, head_dim / 2]
  std::vector<float> cosines_, sines_;
};

/// Whether a sequence of `tokens` is turned with frequencies of its length: then a prompt has to be computed in one
/// step, and nothing computed at another length can be reused.
bool turns_with_length(const model::Rope& rope, std::int64_t tokens);

}  // namespace lmf::infer
