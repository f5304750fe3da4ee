#pragma once

#include <algorithm>
#include <optional>
#include <vector>

#include <torch/types.h>

#include "infer/executor.hpp"
#include "infer/key_value_slots.hpp"
#include "infer/packed_weights.hpp"
#include "infer/rotary_rows.hpp"
#include "infer/workers.hpp"

namespace lmf::infer {

/// Executor on a CPU, with kernels of our own: decoding is bound by how fast the weights can be read, so each is read
/// once for all rows of a step, in the smallest format that is asked for, and nothing is allocated per token. A row's
/// result depends on its own sequence alone, bit for bit (see Kernels).
class CpuExecutor final : public Executor {
 public:
  CpuExecutor(model::Decoder decoder, const ExecutorSettings& settings, std::vector<model::Decoder> adapted = {});

  const model::DecoderSpec& spec() const override { return spec_; }
  std::int64_t slots() const override { return slots_; }
  std::int64_t adapters() const override { return adapters_; }
  std::int64_t slot_tokens() const override { return slot_tokens_; }
  std::int64_t step_tokens() const override { return step_tokens_; }
  std::span<const float> run(std::span<const Row> rows) override;
  std::span<const float> states() const override { return states_; }
  void copy_prefix(std::int64_t from, std::int64_t to, std::int64_t tokens) override;

 private:
  struct Base {
    PackedWeights weights;
    torch::Tensor bias;  // float32 [rows] or undefined
  };
  /// An adapter's part of a linear layer: scale · B (A x), and perhaps weights that it trained whole.
  struct Update {
    PackedWeights a, b;  // float32 [rank, in], [out, rank]; empty where the adapter has none
    float scale = 0;
    std::optional<Base> own;  // in the place of the model's
  };
  /// y = x Wᵀ + b, and the update of the row's adapter.
  struct Linear {
    Base base;
    std::vector<Update> updates;  // [adapters]
    bool takes_rounded = false;   // Input::rounded, for a matrix of int8, be it an adapter's own
    std::vector<float> low{};     // A x of the step's rows, [T, rank_]
    std::int64_t outputs() const { return base.weights.matrix.rows; }
  };
  struct Layer {
    torch::Tensor input_norm, post_attention_norm, query_norm, key_norm;  // float32
    Linear q, k, v, o, gate, up, down;
    std::int64_t window = 0;
  };

  Base pack_base(const model::Linear& linear);
  Linear pack(const model::Linear& linear, const std::vector<const model::Linear*>& adapted);
  /// What the row of the step is multiplied with.
  const Base& base_of(const Linear& linear, std::int64_t row) const;
  /// What the linears take of x [tokens, columns], A x of every row with an adapter included. Good until the next call.
  Input prepare(std::initializer_list<Linear*> linears, const float* x, std::int64_t tokens);
  void lower(Linear& linear, const float* x);
  void embed(std::span<const Row> rows);
  void project(Layer& layer, std::int64_t tokens);
  void place(const Layer& layer, std::int64_t index, std::span<const Row> rows);
  void attend(const Layer& layer, std::int64_t index, std::span<const Row> rows);
  void add(Linear& linear, const float* x, std::int64_t tokens);
  void feed_forward(Layer& layer, std::int64_t tokens);
  void normalise(const float* x, const torch::Tensor& weight, std::int64_t tokens, float* out);
  /// The rows [begin, end) of y, bias and update added. `input`: prepare()'s.
  void multiply(const Linear& linear, const Input& input, std::int64_t tokens, std::int64_t begin, std::int64_t end,
                float* y, std::int64_t y_stride) const;
  /// task(t) for every token, `at_once` of them one task of the workers.
  template <class Task>
  void for_tokens(std::int64_t tokens, std::int64_t at_once, const Task& task) {
    workers_.run((tokens + at_once - 1) / at_once, [&](std::int64_t part) {
      const std::int64_t begin = part * at_once, end = std::min(begin + at_once, tokens);
      for (std::int64_t t = begin; t < end; ++t) task(t);
    });
  }
  std::int64_t chunk(std::int64_t outputs, std::int64_t tokens) const;

  model::DecoderSpec spec_;
  std::int64_t slots_, slot_tokens_, step_tokens_, adapters_;
  std::int64_t rank_ = 0;  // the largest of all updates
  WeightFormat format_;
  const Kernels& kernels_;
  Workers workers_;
  KeyValueSlots cache_;
  RotaryRows rotary_;
  WeightMemory memory_;
  torch::Tensor final_norm_;
  std::vector<torch::Tensor> embeddings_;  // the model's, then each adapter's; float32 or bfloat16 [V, C]
  std::vector<Layer> layers_;
  Linear head_;
  std::vector<std::int32_t> adapter_of_;  // each row of the step; empty when none has one
  // Of one step. x: the residual stream [T, C]; normed [T, C]; qkv [T, (H + 2 Hkv) D]; attended [T, H D];
  // gate and up [T, I]; logits [T, V].
  std::vector<float> x_, normed_, qkv_, attended_, gate_, up_, logits_;
  std::vector<float> states_;          // [rows that want them, C]
  std::vector<std::int16_t> rounded_;  // of an Input, as its scales
  std::vector<float> rounded_scales_;
};

}  // namespace lmf::infer
