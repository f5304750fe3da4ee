#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "infer/kernels.hpp"
#include "model/decoder.hpp"

namespace lmf::infer {

/// One token to be computed: it is at `position` of the sequence in `slot`, all before it are in the cache already or
/// come before it in the same step.
struct Row {
  std::int32_t token;
  std::int32_t slot;
  std::int64_t position;
  bool wants_logits = false;
  std::int32_t adapter = -1;  ///< which of the adapters that are kept apart; -1: none
  bool wants_state = false;
};

/// Runs a model over several sequences at once and keeps their keys and values, each sequence in a slot of its own.
/// For one thread at a time.
class Executor {
 public:
  virtual ~Executor() = default;
  virtual const model::DecoderSpec& spec() const = 0;
  virtual std::int64_t slots() const = 0;
  virtual std::int64_t adapters() const = 0;
  virtual std::int64_t slot_tokens() const = 0;  ///< positions of a slot
  virtual std::int64_t step_tokens() const = 0;  ///< rows of a step at most
  /// Computes `rows`; those of one slot are next to one another, in the order of their positions. Returns float32
  /// [rows that want logits, V], valid until the next call.
  virtual std::span<const float> run(std::span<const Row> rows) = 0;
  /// Of the last run(): the hidden states behind the final norm, float32 [rows that want their state, C].
  virtual std::span<const float> states() const = 0;
  /// Makes the first `tokens` positions of slot `to` those of slot `from`.
  virtual void copy_prefix(std::int64_t from, std::int64_t to, std::int64_t tokens) = 0;
};

struct ExecutorSettings {
  std::int64_t slots = 1;
  std::int64_t slot_tokens = 0;  ///< 0: the model's context length
  std::int64_t step_tokens = 256;
  int threads = 0;  ///< on a CPU; 0: libtorch's number
  WeightFormat format = WeightFormat::fp32;
};

/// For the CPU or, with libtorch's operators, for whatever device the decoder's tensors are on. The tensors that it
/// does not need as they are, it lets go of. `adapted`: copies of the decoder that each have an adapter attached, which
/// is kept apart: a row names one, and rows of several are computed together. The decoder itself has none attached.
std::unique_ptr<Executor> make_executor(model::Decoder decoder, const ExecutorSettings& settings,
                                        std::vector<model::Decoder> adapted = {});

}  // namespace lmf::infer
