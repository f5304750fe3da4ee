#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "model/decoder.hpp"
#include "model/lora_config.hpp"

namespace lmf::model {

/// Attaches a fresh adapter: A Kaiming-uniform with a = √5, B zero. The base is frozen; A, B and the saved modules
/// require gradients. Throws Error when a target matches nothing (with the names there are), or when an adapter is
/// attached already.
void attach_lora(Decoder& decoder, const LoraConfig& config, std::uint64_t seed);
/// Reads adapter_config.json + adapter_model.safetensors (peft's and ours) and attaches it. Base frozen; A, B and saved
/// modules require gradients when `trainable`. A DoRA adapter can only be merged.
LoraConfig load_adapter(Decoder& decoder, const std::filesystem::path& directory, bool trainable);
/// W += scale · B A for every attached pair, in W's dtype, then detaches them. Several adapters: load and merge one
/// after another. DoRA's: each row of the sum gets the length that its magnitude says.
void merge_adapter(Decoder& decoder);
/// Tensors of the adapter under PEFT's names ("base_model.model.….lora_A.weight"): the pairs in module order, then the
/// modules saved whole.
std::vector<std::pair<std::string, torch::Tensor>> adapter_parameters(Decoder& decoder, const LoraConfig& config);
/// Writes both files atomically, as peft writes and reads them.
void save_adapter(Decoder& decoder, const LoraConfig& config, const std::filesystem::path& directory);

}  // namespace lmf::model
