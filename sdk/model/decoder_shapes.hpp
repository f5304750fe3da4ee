#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "model/decoder_spec.hpp"
#include "model/weight_files.hpp"

namespace lmf::model {

struct ParameterShape {
  std::string name;
  std::vector<std::int64_t> shape;
};
/// Name and shape of every parameter, in the order of Decoder::parameters().
std::vector<ParameterShape> parameter_shapes(const DecoderSpec& spec);
/// What an adapter may sit on, with the shape [out, in] of its weight: the linears of the layers
/// ("model.layers.0.self_attn.q_proj"), then lm_head, tied or not.
std::vector<ParameterShape> linear_shapes(const DecoderSpec& spec);

/// What decides those shapes and how a decoder reads them, by config.json's names: an adapter goes on only with a base
/// that has them all the same.
nlohmann::json shape_facts(const DecoderSpec& spec);

/// Throws Error when the files do not hold every parameter of the decoder, in its shape and as weights are stored
/// (GptqFormat, if that is the decoder's), or hold a head that differs from the embedding it is tied to.
void require_parameters(const WeightFiles& files, const DecoderSpec& spec);

}  // namespace lmf::model
