#include "gguf/tensor_names.hpp"

#include <array>
#include <charconv>

#include <fmt/format.h>

namespace lmf::exporter {
namespace {

using Part = TensorRole::Part;

struct LayerName {
  std::string_view parameter, gguf;
  Part part;
};
constexpr std::array<LayerName, 11> kLayerNames = {{{"self_attn.q_proj", "attn_q", Part::matrix},
                                                    {"self_attn.k_proj", "attn_k", Part::matrix},
                                                    {"self_attn.v_proj", "attn_v", Part::value},
                                                    {"self_attn.o_proj", "attn_output", Part::matrix},
                                                    {"self_attn.q_norm", "attn_q_norm", Part::vector},
                                                    {"self_attn.k_norm", "attn_k_norm", Part::vector},
                                                    {"mlp.gate_proj", "ffn_gate", Part::matrix},
                                                    {"mlp.up_proj", "ffn_up", Part::matrix},
                                                    {"mlp.down_proj", "ffn_down", Part::down},
                                                    {"input_layernorm", "attn_norm", Part::vector},
                                                    {"post_attention_layernorm", "ffn_norm", Part::vector}}};

}  // namespace

GgufName gguf_name(std::string_view parameter) {
  if (parameter == "model.embed_tokens.weight") return {"token_embd.weight", Part::matrix};
  if (parameter == "model.norm.weight") return {"output_norm.weight", Part::vector};
  if (parameter == "lm_head.weight") return {"output.weight", Part::head};
  constexpr std::string_view kLayers = "model.layers.";
  if (!parameter.starts_with(kLayers)) return {};
  std::string_view rest = parameter.substr(kLayers.size());
  GgufName result;
  const auto [end, error] = std::from_chars(rest.data(), rest.data() + rest.size(), result.layer);
  if (error != std::errc()) return {};
  rest.remove_prefix(static_cast<std::size_t>(end - rest.data()) + 1);
  const auto dot = rest.rfind('.');
  for (const LayerName& known : kLayerNames) {
    if (rest.substr(0, dot) != known.parameter) continue;
    result.name = fmt::format("blk.{}.{}{}", result.layer, known.gguf, rest.substr(dot));
    result.part = known.part;
  }
  return result;
}

}  // namespace lmf::exporter
