#include "model/decoder_shapes.hpp"

#include <algorithm>
#include <string_view>

#include <fmt/format.h>

#include "lmf/error.hpp"

namespace lmf::model {

std::vector<ParameterShape> parameter_shapes(const DecoderSpec& spec) {
  const std::int64_t C = spec.hidden_size, D = spec.head_dim, F = spec.intermediate_size;
  const std::int64_t query = spec.heads * D, key = spec.key_value_heads * D;
  std::vector<ParameterShape> shapes{{"model.embed_tokens.weight", {spec.vocab_size, C}}};
  for (std::int64_t i = 0; i < spec.layers; ++i) {
    const std::string layer = fmt::format("model.layers.{}.", i);
    const auto linear = [&](const char* name, std::int64_t out, std::int64_t in, bool bias) {
      shapes.push_back({layer + name + ".weight", {out, in}});
      if (bias) shapes.push_back({layer + name + ".bias", {out}});
    };
    linear("self_attn.q_proj", query, C, spec.query_key_value_bias);
    linear("self_attn.k_proj", key, C, spec.query_key_value_bias);
    linear("self_attn.v_proj", key, C, spec.query_key_value_bias);
    linear("self_attn.o_proj", C, query, spec.output_bias);
    if (spec.query_key_norm) {
      shapes.push_back({layer + "self_attn.q_norm.weight", {D}});
      shapes.push_back({layer + "self_attn.k_norm.weight", {D}});
    }
    linear("mlp.gate_proj", F, C, spec.mlp_bias);
    linear("mlp.up_proj", F, C, spec.mlp_bias);
    linear("mlp.down_proj", C, F, spec.mlp_bias);
    shapes.push_back({layer + "input_layernorm.weight", {C}});
    shapes.push_back({layer + "post_attention_layernorm.weight", {C}});
  }
  shapes.push_back({"model.norm.weight", {C}});
  if (!spec.tied_embeddings) shapes.push_back({"lm_head.weight", {spec.vocab_size, C}});
  return shapes;
}

std::vector<ParameterShape> linear_shapes(const DecoderSpec& spec) {
  constexpr std::string_view kWeight = ".weight", kProjection = "_proj.weight";
  std::vector<ParameterShape> linears;
  for (ParameterShape& parameter : parameter_shapes(spec)) {
    if (!parameter.name.ends_with(kProjection)) continue;
    parameter.name.resize(parameter.name.size() - kWeight.size());
    linears.push_back(std::move(parameter));
  }
  linears.push_back({"lm_head", {spec.vocab_size, spec.hidden_size}});
  return linears;
}

nlohmann::json shape_facts(const DecoderSpec& spec) {
  return {{"model_type", spec.model_type},
          {"vocab_size", spec.vocab_size},
          {"hidden_size", spec.hidden_size},
          {"intermediate_size", spec.intermediate_size},
          {"num_hidden_layers", spec.layers},
          {"num_attention_heads", spec.heads},
          {"num_key_value_heads", spec.key_value_heads},
          {"head_dim", spec.head_dim}};
}

namespace {

/// transformers 4 would use the embedding as the head, transformers 5 the stored head: no reading is right for both.
void require_one_head(const WeightFiles& files, const DecoderSpec& spec) {
  constexpr std::string_view kHead = "lm_head.weight", kEmbedding = "model.embed_tokens.weight";
  if (!spec.tied_embeddings || files.find(kHead) == nullptr) return;
  const auto head = files.bytes(kHead), embedding = files.bytes(kEmbedding);
  if (files.find(kHead)->dtype == files.find(kEmbedding)->dtype && std::ranges::equal(head.bytes, embedding.bytes))
    return;
  throw Error(fmt::format("{}: tie_word_embeddings is set in config.json, and '{}' differs from '{}'",
                          files.source().string(), kHead, kEmbedding),
              "set tie_word_embeddings: false to use both, or remove lm_head.weight from the file");
}

}  // namespace

void require_parameters(const WeightFiles& files, const DecoderSpec& spec) {
  for (const auto& [name, shape] : parameter_shapes(spec)) {
    if (spec.gptq && is_gptq(files, name)) {
      require_gptq(files, name, shape, *spec.gptq);
      continue;
    }
    const TensorEntry& stored = files.require(name, shape);
    if (!is_weight_dtype(stored.dtype))
      throw Error(fmt::format("{}: tensor '{}' has dtype {}, and weights must be F32, F16 or BF16",
                              files.source().string(), name, stored.dtype));
  }
  require_one_head(files, spec);
}

}  // namespace lmf::model
