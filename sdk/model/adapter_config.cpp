#include "model/adapter_config.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <memory>

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include "base/printable.hpp"
#include "model/config_file.hpp"

namespace lmf::model {
namespace {

using nlohmann::json;

constexpr std::int64_t kMaximumRank = 1 << 20;

/// Whether `pattern` matches all of `text`. Bounded: a hostile pattern gives an error, not a hang.
bool matches_whole(const std::string& pattern, const std::string& text) {
  int error = 0;
  PCRE2_SIZE at = 0;
  const std::unique_ptr<pcre2_code, decltype(&pcre2_code_free)> code(
      pcre2_compile(reinterpret_cast<PCRE2_SPTR>(pattern.data()), pattern.size(), PCRE2_ANCHORED | PCRE2_ENDANCHORED,
                    &error, &at, nullptr),
      pcre2_code_free);
  if (!code)
    throw Error(fmt::format("'{}' in the adapter's configuration is not a regular expression (at character {})",
                            shortened(pattern), at));
  const std::unique_ptr<pcre2_match_context, decltype(&pcre2_match_context_free)> limits(
      pcre2_match_context_create(nullptr), pcre2_match_context_free);
  pcre2_set_match_limit(limits.get(), 100'000);
  const std::unique_ptr<pcre2_match_data, decltype(&pcre2_match_data_free)> data(
      pcre2_match_data_create_from_pattern(code.get(), nullptr), pcre2_match_data_free);
  const int result =
      pcre2_match(code.get(), reinterpret_cast<PCRE2_SPTR>(text.data()), text.size(), 0, 0, data.get(), limits.get());
  if (result < 0 && result != PCRE2_ERROR_NOMATCH)
    throw Error(fmt::format("the regular expression '{}' of the adapter's configuration is too costly to match",
                            shortened(pattern)));
  return result >= 0;
}

/// "mlp.up_proj" occurs in "model.layers.0.mlp.up_proj" as whole components.
bool has_components(const std::string& name, const std::string& part) {
  return ("." + name + ".").find("." + part + ".") != std::string::npos;
}

template <class Value>
Value by_pattern(const std::vector<std::pair<std::string, Value>>& patterns, const std::string& name, Value otherwise) {
  for (const auto& [pattern, value] : patterns)
    if (matches_whole("(.*\\.)?(" + pattern + ")", name)) return value;
  return otherwise;
}

std::vector<std::string> read_names(const ConfigObject& config, const char* key) {
  std::vector<std::string> names;
  if (!config.has(key)) return names;
  const json& list = config.at(key);
  if (!list.is_array()) config.refuse(fmt::format("{} is {}, expected a list of names", key, list.dump()));
  for (const json& name : list) {
    if (!name.is_string() || name.get<std::string>().empty())
      config.refuse(fmt::format("{} holds {}, expected names", key, name.dump()));
    names.push_back(name.get<std::string>());
  }
  return names;
}

void read_targets(LoraConfig& result, const ConfigObject& config) {
  if (!config.has("target_modules")) config.refuse("target_modules is missing");
  if (!config.at("target_modules").is_string()) {
    result.targets = read_names(config, "target_modules");
    return;
  }
  const auto pattern = config.text("target_modules", "");
  if (pattern == "all-linear")
    result.targets = {"all"};
  else
    result.target_pattern = pattern;
}

void read_patterns(LoraConfig& result, const ConfigObject& config) {
  for (const char* key : {"rank_pattern", "alpha_pattern"}) {
    if (!config.has(key)) continue;
    if (!config.at(key).is_object()) config.refuse(fmt::format("{} is not an object", key));
    const ConfigObject values(config.at(key), config.where() + ": " + key);
    for (const auto& [pattern, value] : config.at(key).items()) {
      if (std::string_view(key) == "rank_pattern")
        result.rank_pattern.emplace_back(pattern, values.integer(pattern.c_str(), 8, 1, kMaximumRank));
      else
        result.alpha_pattern.emplace_back(pattern, values.number(pattern.c_str(), 8.0));
    }
  }
}

bool is_set(const json& value) {
  return !value.is_null() && value != false && !(value.is_structured() && value.empty()) && value != "";
}

/// Fields of other methods, which would make the adapter compute something else.
void refuse_other_methods(const ConfigObject& config) {
  if (config.text("peft_type", "LORA") != "LORA")
    config.refuse(fmt::format("peft_type is '{}', and lmf reads LORA", config.text("peft_type", "")));
  if (config.text("bias", "none") != "none")
    config.refuse(fmt::format("bias is '{}', and lmf reads none", config.text("bias", "none")));
  for (const char* key : {"use_qalora", "lora_bias", "layers_to_transform", "layer_replication", "exclude_modules",
                          "trainable_token_indices", "target_parameters", "alora_invocation_tokens", "arrow_config"})
    if (config.has(key) && is_set(config.at(key)))
      config.refuse(fmt::format("{} is {}, which lmf does not compute", key, config.at(key).dump()));
  if (config.has("init_lora_weights") && config.at("init_lora_weights").is_string()) {
    const auto name = config.text("init_lora_weights", "");
    static constexpr std::array<std::string_view, 3> harmless = {"gaussian", "eva", "orthogonal"};
    if (std::find(harmless.begin(), harmless.end(), name) == harmless.end())
      config.refuse(fmt::format("init_lora_weights is '{}', which changes the base model", name),
                    "convert the adapter to plain LoRA first (PEFT's path_initial_model_for_weight_conversion)");
  }
}

}  // namespace

LoraConfig read_lora_config(const std::filesystem::path& file) {
  const json parsed = ConfigObject::read_file(file);
  const ConfigObject config(parsed, file.string());
  refuse_other_methods(config);
  LoraConfig result;
  result.rank = config.integer("r", 8, 1, kMaximumRank);
  result.alpha = config.number("lora_alpha", 8.0);
  result.dropout = config.number("lora_dropout", 0.0);
  if (result.dropout < 0.0 || result.dropout >= 1.0)
    config.refuse(fmt::format("lora_dropout is {}, expected 0 to below 1", result.dropout));
  result.rslora = config.flag("use_rslora", false);
  result.dora = config.flag("use_dora", false);
  read_targets(result, config);
  read_patterns(result, config);
  result.modules_to_save = read_names(config, "modules_to_save");
  result.base_model = config.text("base_model_name_or_path", "");
  return result;
}

json lora_config_json(const LoraConfig& config, const std::vector<std::string>& targets) {
  json result;
  for (const char* key : {"alora_invocation_tokens", "arrow_config", "auto_mapping", "corda_config", "eva_config",
                          "exclude_modules", "layer_replication", "layers_pattern", "layers_to_transform",
                          "megatron_config", "revision", "target_parameters", "trainable_token_indices"})
    result[key] = nullptr;
  for (const char* key : {"ensure_weight_tying", "fan_in_fan_out", "lora_bias", "use_qalora"}) result[key] = false;
  result["alpha_pattern"] = json::object();
  result["rank_pattern"] = json::object();
  for (const auto& [pattern, alpha] : config.alpha_pattern) result["alpha_pattern"][pattern] = alpha;
  for (const auto& [pattern, rank] : config.rank_pattern) result["rank_pattern"][pattern] = rank;
  result["base_model_name_or_path"] = config.base_model;
  result["bias"] = "none";
  result["inference_mode"] = true;
  result["init_lora_weights"] = true;
  result["loftq_config"] = json::object();
  const bool whole = config.alpha == std::floor(config.alpha) && std::abs(config.alpha) < 1e9;
  result["lora_alpha"] = whole ? json(static_cast<std::int64_t>(config.alpha)) : json(config.alpha);
  result["lora_dropout"] = config.dropout;
  result["megatron_core"] = "megatron.core";
  result["modules_to_save"] = config.modules_to_save.empty() ? json(nullptr) : json(config.modules_to_save);
  result["peft_type"] = "LORA";
  result["peft_version"] = "0.18.1";  // the version whose fields these are
  result["qalora_group_size"] = 16;
  result["r"] = config.rank;
  if (config.target_pattern.empty())
    result["target_modules"] = targets;
  else
    result["target_modules"] = config.target_pattern;
  result["task_type"] = "CAUSAL_LM";
  result["use_dora"] = config.dora;
  result["use_rslora"] = config.rslora;
  return result;
}

bool is_lora_target(const LoraConfig& config, const std::string& name, bool is_head) {
  for (const auto& saved : config.modules_to_save)
    if (has_components(name, saved)) return false;
  if (!config.target_pattern.empty()) return matches_whole(config.target_pattern, name);
  return std::any_of(config.targets.begin(), config.targets.end(), [&](const std::string& target) {
    if (target == "all") return !is_head;
    return name == target || name.ends_with("." + target);
  });
}

bool is_saved_whole(const LoraConfig& config, std::string_view name) {
  // "model.embed_tokens.weight" belongs to the modules "model", "model.embed_tokens"; PEFT compares the ends of their
  // names.
  for (auto dot = name.find('.'); dot != std::string_view::npos; dot = name.find('.', dot + 1))
    for (const auto& saved : config.modules_to_save)
      if (name.substr(0, dot).ends_with(saved)) return true;
  return false;
}

std::int64_t rank_of(const LoraConfig& config, const std::string& name) {
  return by_pattern(config.rank_pattern, name, config.rank);
}

double scale_of(const LoraConfig& config, const std::string& name) {
  const double alpha = by_pattern(config.alpha_pattern, name, config.alpha), rank = double(rank_of(config, name));
  return alpha / (config.rslora ? std::sqrt(rank) : rank);
}

}  // namespace lmf::model
