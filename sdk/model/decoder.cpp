#include "model/decoder.hpp"

#include <utility>

#include <torch/utils.h>
#include <ATen/CPUGeneratorImpl.h>
#include <fmt/format.h>

#include "lmf/error.hpp"
#include "model/decoder_shapes.hpp"

namespace lmf::model {

Decoder::Decoder(const DecoderSpec& spec) : layers(static_cast<std::size_t>(spec.layers)), spec_(spec) {
  head.name = "lm_head";
  for (std::size_t i = 0; i < layers.size(); ++i) {
    Layer& layer = layers[i];
    layer.window = spec.windows.at(i);
    const std::string attention = fmt::format("model.layers.{}.self_attn.", i),
                      mlp = fmt::format("model.layers.{}.mlp.", i);
    layer.q.name = attention + "q_proj";
    layer.k.name = attention + "k_proj";
    layer.v.name = attention + "v_proj";
    layer.o.name = attention + "o_proj";
    layer.gate.name = mlp + "gate_proj";
    layer.up.name = mlp + "up_proj";
    layer.down.name = mlp + "down_proj";
  }
}

std::vector<std::pair<std::string, torch::Tensor*>> Decoder::slots() {
  std::vector<std::pair<std::string, torch::Tensor*>> slots{{"model.embed_tokens.weight", &embedding}};
  for (std::size_t i = 0; i < layers.size(); ++i) {
    Layer& layer = layers[i];
    const std::string name = fmt::format("model.layers.{}.", i);
    const auto linear = [&](Linear& module, bool bias) {
      slots.emplace_back(module.name + ".weight", &module.weight);
      if (bias) slots.emplace_back(module.name + ".bias", &module.bias);
    };
    for (Linear* module : {&layer.q, &layer.k, &layer.v}) linear(*module, spec_.query_key_value_bias);
    linear(layer.o, spec_.output_bias);
    if (spec_.query_key_norm) {
      slots.emplace_back(name + "self_attn.q_norm.weight", &layer.query_norm);
      slots.emplace_back(name + "self_attn.k_norm.weight", &layer.key_norm);
    }
    for (Linear* module : {&layer.gate, &layer.up, &layer.down}) linear(*module, spec_.mlp_bias);
    slots.emplace_back(name + "input_layernorm.weight", &layer.input_norm);
    slots.emplace_back(name + "post_attention_layernorm.weight", &layer.post_attention_norm);
  }
  slots.emplace_back("model.norm.weight", &final_norm);
  if (!spec_.tied_embeddings) slots.emplace_back("lm_head.weight", &head.weight);
  return slots;
}

std::vector<std::pair<std::string, torch::Tensor>> Decoder::parameters() const {
  std::vector<std::pair<std::string, torch::Tensor>> result;
  for (const auto& [name, place] : const_cast<Decoder*>(this)->slots()) result.emplace_back(name, *place);
  return result;
}

void Decoder::retie() {
  if (spec_.tied_embeddings) head.weight = embedding;
}

void Decoder::untie_head() {
  if (!spec_.tied_embeddings) return;
  spec_.tied_embeddings = false;
  spec_.config["tie_word_embeddings"] = false;
  head.weight = embedding.detach().clone();
}

std::vector<Linear*> Decoder::linears() {
  std::vector<Linear*> result;
  for (Layer& layer : layers)
    for (Linear* module : {&layer.q, &layer.k, &layer.v, &layer.o, &layer.gate, &layer.up, &layer.down})
      result.push_back(module);
  if (!spec_.tied_embeddings) result.push_back(&head);
  return result;
}

std::int64_t Decoder::parameter_count() const {
  std::int64_t count = 0;
  for (const auto& [name, tensor] : parameters()) count += tensor.numel();
  return count;
}

Decoder Decoder::random(const DecoderSpec& spec, std::uint64_t seed, torch::Dtype dtype, torch::Device device) {
  Decoder decoder(spec);
  const torch::NoGradGuard no_grad;
  // Always drawn on the CPU in float32: the same model for the same seed everywhere.
  at::Generator generator = at::detail::createCPUGenerator(seed);
  const auto shapes = parameter_shapes(spec);
  const auto slots = decoder.slots();
  for (std::size_t i = 0; i < shapes.size(); ++i) {
    torch::Tensor value = torch::zeros(shapes[i].shape);
    if (shapes[i].name.ends_with("norm.weight"))
      value.fill_(1.0);
    else if (!shapes[i].name.ends_with(".bias"))
      value.normal_(0.0, spec.initializer_range, generator);
    *slots[i].second = value.to(device, dtype);
  }
  decoder.retie();
  return decoder;
}

}  // namespace lmf::model
