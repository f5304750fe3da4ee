#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json.hpp>

#include "model/lora_config.hpp"

namespace lmf::model {

/// What peft puts before the base model's names in an adapter's files.
inline constexpr const char* kAdapterPrefix = "base_model.model.";

/// adapter_config.json. Throws Error naming file and key for an adapter that is neither LoRA nor DoRA.
LoraConfig read_lora_config(const std::filesystem::path& file);
/// Every field that PEFT 0.18 writes; `targets` are the last components of the names that matched.
nlohmann::json lora_config_json(const LoraConfig& config, const std::vector<std::string>& targets);

/// Whether the linear layer `name` gets a pair; never one that is saved whole. `is_head`: "all" leaves it out.
bool is_lora_target(const LoraConfig& config, const std::string& name, bool is_head);
/// Whether parameter `name` ("lm_head.weight") belongs to a module that is saved whole.
bool is_saved_whole(const LoraConfig& config, std::string_view name);
std::int64_t rank_of(const LoraConfig& config, const std::string& name);
double scale_of(const LoraConfig& config, const std::string& name);

}  // namespace lmf::model
