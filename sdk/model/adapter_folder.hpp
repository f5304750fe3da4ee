#pragma once

#include <filesystem>

#include "model/adapter_plan.hpp"
#include "model/weight_files.hpp"

namespace lmf::model {

inline constexpr const char* kAdapterConfigFile = "adapter_config.json";
/// A pair's third part in DoRA, [out].
inline constexpr const char* kMagnitude = ".lora_magnitude_vector";
inline constexpr const char* kAdapterWeightsFile = "adapter_model.safetensors";

/// An adapter's folder (peft's and ours), judged whole against the decoder it is to sit on; no weight is read.
struct AdapterFolder {
  LoraConfig config;
  AdapterPlan plan;
  WeightFiles weights;

  /// Throws Error naming the file and what in it does not fit: a method that is neither LoRA nor DoRA, a target the
  /// decoder lacks, a tensor that is missing, of another shape, or left over.
  static AdapterFolder open(const std::filesystem::path& directory, const DecoderSpec& spec);
  /// What can be said without a decoder: both files are there, and the configuration is that of a LoRA or DoRA.
  static LoraConfig read_config(const std::filesystem::path& directory);
};

}  // namespace lmf::model
