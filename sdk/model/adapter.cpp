#include "model/adapter.hpp"

#include <cmath>
#include <set>

#include <torch/utils.h>
#include <ATen/CPUGeneratorImpl.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include "lmf/error.hpp"
#include "model/adapter_attach.hpp"
#include "model/adapter_config.hpp"

namespace lmf::model {
namespace {

/// The layers' linears and the head, tied or not.
std::vector<Linear*> candidates(Decoder& decoder) {
  auto linears = decoder.linears();
  if (linears.back() != &decoder.head) linears.push_back(&decoder.head);
  return linears;
}

std::string last_component(const std::string& name) { return name.substr(name.rfind('.') + 1); }

}  // namespace

std::vector<Linear*> prepare_attachment(Decoder& decoder, const AdapterPlan& plan) {
  std::set<std::string> names;
  for (const auto& linear : plan.linears) names.insert(linear.name);
  std::vector<Linear*> matched;
  for (Linear* linear : candidates(decoder)) {
    if (linear->lora_a.defined())
      throw Error("an adapter is attached already", "merge it before attaching another", kExitInternal);
    if (names.contains(linear->name)) matched.push_back(linear);
  }
  if (plan.separates_head) decoder.untie_head();
  for (const auto& [name, place] : decoder.slots())
    if (place->defined()) place->set_requires_grad(false);  // the weight of a linear that is packed is not
  return matched;
}

void set_pair(Linear& linear, const LoraConfig& config, torch::Tensor a, torch::Tensor b) {
  linear.lora_a = std::move(a);
  linear.lora_b = std::move(b);
  linear.lora_scale = scale_of(config, linear.name);
  linear.lora_dropout = config.dropout;
}

void set_trainable(Decoder& decoder, const LoraConfig& config, bool trainable) {
  for (auto& [name, tensor] : adapter_parameters(decoder, config)) tensor.set_requires_grad(trainable);
}

void attach_lora(Decoder& decoder, const LoraConfig& config, std::uint64_t seed) {
  const auto matched = prepare_attachment(decoder, plan_adapter(decoder.spec(), config));
  at::Generator generator = at::detail::createCPUGenerator(seed);
  {
    const torch::NoGradGuard no_grad;
    for (Linear* linear : matched) {
      const std::int64_t rank = rank_of(config, linear->name), in = linear->weight.size(1),
                         out = linear->weight.size(0);
      const double bound = 1.0 / std::sqrt(double(in));  // Kaiming-uniform with a = √5
      const torch::Tensor a = torch::empty({rank, in}).uniform_(-bound, bound, generator);
      const auto device = linear->weight.device();
      set_pair(*linear, config, a.to(device), torch::zeros({out, rank}, device));
    }
  }
  set_trainable(decoder, config, true);
}

void merge_adapter(Decoder& decoder) {
  const torch::NoGradGuard no_grad;
  for (Linear* linear : candidates(decoder)) {
    if (!linear->lora_a.defined()) continue;
    const torch::Tensor update = torch::matmul(linear->lora_b, linear->lora_a) * linear->lora_scale;
    if (linear->magnitude.defined()) {
      const torch::Tensor sum = linear->weight + update;
      linear->weight.copy_((linear->magnitude / sum.norm(2, 1)).unsqueeze(1) * sum);
    } else {
      linear->weight.add_(update);  // rounded once, to the weight's dtype
    }
    linear->lora_a = linear->lora_b = linear->magnitude = torch::Tensor();
    linear->lora_scale = linear->lora_dropout = 0.0;
  }
  for (const auto& [name, place] : decoder.slots())
    if (place->defined()) place->set_requires_grad(false);
}

std::vector<std::pair<std::string, torch::Tensor>> adapter_parameters(Decoder& decoder, const LoraConfig& config) {
  std::vector<std::pair<std::string, torch::Tensor>> result;
  for (const Linear* linear : decoder.linears()) {
    if (!linear->lora_a.defined()) continue;
    result.emplace_back(kAdapterPrefix + linear->name + ".lora_A.weight", linear->lora_a);
    result.emplace_back(kAdapterPrefix + linear->name + ".lora_B.weight", linear->lora_b);
  }
  for (const auto& [name, place] : decoder.slots())
    if (is_saved_whole(config, name)) result.emplace_back(kAdapterPrefix + name, *place);
  return result;
}

std::vector<std::string> matched_components(Decoder& decoder) {
  std::set<std::string> names;
  for (const Linear* linear : decoder.linears())
    if (linear->lora_a.defined()) names.insert(last_component(linear->name));
  return {names.begin(), names.end()};
}

}  // namespace lmf::model
