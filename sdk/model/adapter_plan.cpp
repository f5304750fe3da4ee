#include "model/adapter_plan.hpp"

#include <algorithm>
#include <set>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "base/printable.hpp"
#include "base/suggest.hpp"
#include "lmf/error.hpp"
#include "model/adapter_config.hpp"

namespace lmf::model {
namespace {

constexpr const char* kHead = "lm_head";

/// "'q_porj' matches no layer of the model. Did you mean 'q_proj'?", or several names and no suggestion.
[[noreturn]] void match_nothing(const std::string& what, const std::vector<std::string>& names,
                                const std::set<std::string>& known) {
  const std::vector<std::string> choices(known.begin(), known.end());
  throw Error(
      fmt::format("{} '{}' {} in this model.{}", what, shortened(fmt::format("{}", fmt::join(names, "', '")), 300),
                  names.size() == 1 ? "matches nothing" : "match nothing",
                  names.size() == 1 ? did_you_mean(names.front(), choices) : ""),
      fmt::format("there are {}", fmt::join(choices, ", ")), kExitUsage);
}

std::string last_component(const std::string& name) { return name.substr(name.rfind('.') + 1); }

std::set<std::string> last_components(const std::vector<ParameterShape>& linears) {
  std::set<std::string> names;
  for (const auto& linear : linears) names.insert(last_component(linear.name));
  return names;
}

/// The modules that hold parameters directly: "embed_tokens", "norm", "lm_head", "q_proj".
std::set<std::string> modules_of(const DecoderSpec& spec) {
  std::set<std::string> names = {kHead};
  for (const auto& parameter : parameter_shapes(spec))
    names.insert(last_component(parameter.name.substr(0, parameter.name.rfind('.'))));
  return names;
}

bool is_target(const LoraConfig& config, const ParameterShape& linear) {
  return is_lora_target(config, linear.name, linear.name == kHead);
}

std::vector<std::string> idle_targets(const LoraConfig& config, const std::vector<ParameterShape>& matched) {
  if (!config.target_pattern.empty())
    return matched.empty() ? std::vector<std::string>{config.target_pattern} : std::vector<std::string>();
  std::vector<std::string> idle;
  std::copy_if(config.targets.begin(), config.targets.end(), std::back_inserter(idle), [&](const std::string& target) {
    LoraConfig alone = config;
    alone.targets = {target};
    return std::none_of(matched.begin(), matched.end(), [&](const auto& linear) { return is_target(alone, linear); });
  });
  return idle;
}

}  // namespace

std::vector<ParameterShape> match_targets(const DecoderSpec& spec, const LoraConfig& config) {
  const std::vector<ParameterShape> linears = linear_shapes(spec);
  std::vector<ParameterShape> matched;
  std::copy_if(linears.begin(), linears.end(), std::back_inserter(matched),
               [&](const auto& linear) { return is_target(config, linear); });
  if (const auto idle = idle_targets(config, matched); !idle.empty())
    match_nothing("LoRA target", idle, last_components(linears));
  if (matched.empty())
    throw Error("the list of LoRA targets is empty",
                fmt::format("there are {}", fmt::join(last_components(linears), ", ")), kExitUsage);
  return matched;
}

void require_saved_modules(const DecoderSpec& spec, const LoraConfig& config) {
  std::vector<std::string> names = {"lm_head.weight"}, idle;
  for (const auto& parameter : parameter_shapes(spec)) names.push_back(parameter.name);
  for (const std::string& module : config.modules_to_save) {
    LoraConfig alone;
    alone.modules_to_save = {module};
    if (std::none_of(names.begin(), names.end(), [&](const auto& name) { return is_saved_whole(alone, name); }))
      idle.push_back(module);
  }
  if (!idle.empty()) match_nothing("additional target", idle, modules_of(spec));
}

AdapterPlan plan_adapter(const DecoderSpec& spec, const LoraConfig& config) {
  AdapterPlan plan;
  plan.linears = match_targets(spec, config);
  require_saved_modules(spec, config);
  plan.separates_head = plan.linears.back().name == kHead || is_saved_whole(config, "lm_head.weight") ||
                        is_saved_whole(config, "model.embed_tokens.weight");
  return plan;
}

}  // namespace lmf::model
