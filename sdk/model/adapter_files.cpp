// An adapter's folder: adapter_config.json and adapter_model.safetensors, as peft writes and reads them.
#include <algorithm>

#include <torch/utils.h>

#include "base/files.hpp"
#include "model/adapter.hpp"
#include "model/adapter_attach.hpp"
#include "model/adapter_config.hpp"
#include "model/adapter_folder.hpp"
#include "model/safetensors.hpp"

namespace lmf::model {
namespace {

torch::Tensor copy_of(const Weights& weights, const std::string& name, torch::Device device, torch::Dtype dtype) {
  return weights.tensor(kAdapterPrefix + name).to(device, dtype, /*non_blocking=*/false, /*copy=*/true);
}

}  // namespace

LoraConfig load_adapter(Decoder& decoder, const std::filesystem::path& directory, bool trainable) {
  const AdapterFolder adapter = AdapterFolder::open(directory, decoder.spec());
  const Weights weights(adapter.weights);
  const torch::NoGradGuard no_grad;
  for (Linear* linear : prepare_attachment(decoder, adapter.plan)) {
    const auto device = decoder.device();
    // float32 also beside half-precision weights, as peft does: the update is small.
    set_pair(*linear, adapter.config, copy_of(weights, linear->name + ".lora_A.weight", device, torch::kFloat32),
             copy_of(weights, linear->name + ".lora_B.weight", device, torch::kFloat32));
    if (adapter.config.dora) linear->magnitude = copy_of(weights, linear->name + kMagnitude, device, torch::kFloat32);
  }
  for (const auto& [name, place] : decoder.slots())
    if (adapter.weights.find(kAdapterPrefix + name))
      *place = copy_of(weights, name, decoder.device(), place->defined() ? place->scalar_type() : torch::kFloat32);
  decoder.retie();
  set_trainable(decoder, adapter.config, trainable);
  return adapter.config;
}

void save_adapter(Decoder& decoder, const LoraConfig& config, const std::filesystem::path& directory) {
  std::filesystem::create_directories(directory);
  write_safetensors(directory / kAdapterWeightsFile, adapter_parameters(decoder, config));
  const bool all = std::find(config.targets.begin(), config.targets.end(), "all") != config.targets.end();
  const auto targets = all ? matched_components(decoder) : config.targets;
  write_file_atomically(directory / kAdapterConfigFile, lora_config_json(config, targets).dump(2) + "\n");
}

}  // namespace lmf::model
