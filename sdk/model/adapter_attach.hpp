#pragma once

#include <string>
#include <vector>

#include "model/adapter.hpp"
#include "model/adapter_plan.hpp"

/// What attaching a fresh adapter and loading one have in common.
namespace lmf::model {

/// Freezes the decoder, parts a tied head where the plan asks for it, and returns the linears that get a pair.
std::vector<Linear*> prepare_attachment(Decoder& decoder, const AdapterPlan& plan);
void set_pair(Linear& linear, const LoraConfig& config, torch::Tensor a, torch::Tensor b);
void set_trainable(Decoder& decoder, const LoraConfig& config, bool trainable);
/// Last name components of the linears with a pair, sorted.
std::vector<std::string> matched_components(Decoder& decoder);

}  // namespace lmf::model
