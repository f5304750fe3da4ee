#pragma once

#include <vector>

#include "model/decoder_shapes.hpp"
#include "model/lora_config.hpp"

namespace lmf::model {

/// Where an adapter sits in a decoder.
struct AdapterPlan {
  std::vector<ParameterShape> linears;  ///< what gets a pair, as linear_shapes() lists it
  /// A head that learns apart from the embedding, or the other way round, needs weights of its own.
  bool separates_head = false;
};

/// The two parts of plan_adapter(). Both throw Error that names every target or module that matches nothing (a typing
/// error, also beside others that match), and those there are.
std::vector<ParameterShape> match_targets(const DecoderSpec& spec, const LoraConfig& config);
void require_saved_modules(const DecoderSpec& spec, const LoraConfig& config);

AdapterPlan plan_adapter(const DecoderSpec& spec, const LoraConfig& config);

}  // namespace lmf::model
