#include "train/worker/recomputation.hpp"

#include "base/log.hpp"
#include "train/worker/memory.hpp"

namespace lmf::train {
namespace {

/// Bytes that backward needs of a forward over `tokens`: per layer and token the inputs of norms, projections,
/// attention and MLP, counted generously.
double activation_bytes(const model::DecoderSpec& spec, std::int64_t tokens) {
  const auto width = static_cast<double>(spec.hidden_size), middle = static_cast<double>(spec.intermediate_size);
  const auto heads = static_cast<double>((spec.heads + spec.key_value_heads) * spec.head_dim);
  const double values_per_token = static_cast<double>(spec.layers) * (8 * width + 4 * heads + 6 * middle);
  return values_per_token * static_cast<double>(tokens) * sizeof(float);
}

/// Bytes that a rank may still take where its activations are: a GPU is its own, the node's ranks share the host's
/// memory.
double available_memory(torch::Device device, const World& world) {
  if (device.is_cpu()) return static_cast<double>(available_memory_bytes()) / world.local_size;
  return static_cast<double>(at::accelerator::getMemoryInfo(device.index()).first);
}

}  // namespace

bool recomputes_activations(const TrainOptions& options, const model::Decoder& decoder, std::int64_t longest,
                            const World& world) {
  if (options.checkpointing != Checkpointing::automatic) return options.checkpointing == Checkpointing::always;
  if (options.batch_size <= 0) return false;
  const double needed = activation_bytes(decoder.spec(), longest * options.batch_size);
  const bool recomputes = needed > 0.5 * available_memory(decoder.device(), world);
  log::debug("activations of the longest batch need about {:.0f} MiB: {}", needed / (1 << 20),
             recomputes ? "recomputed in backward" : "kept");
  return recomputes;
}

}  // namespace lmf::train
