#include "model/decoder_spec.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <string_view>

#include <fmt/format.h>

#include "base/files.hpp"
#include "base/log.hpp"
#include "model/config_file.hpp"
#include "model/rope_config.hpp"

namespace lmf::model {
namespace {

using nlohmann::json;

/// What transformers assumes for a key that config.json leaves out.
struct Family {
  std::string_view model_type, architecture;
  std::int64_t key_value_heads;  // 0: as many as heads
  std::int64_t head_dim;         // 0: hidden_size / heads
  std::int64_t max_positions;
};
constexpr std::array<Family, 4> kFamilies = {{
    {"llama", "LlamaForCausalLM", 0, 0, 2048},
    {"mistral", "MistralForCausalLM", 8, 0, 131072},
    {"qwen2", "Qwen2ForCausalLM", 32, 0, 32768},
    {"qwen3", "Qwen3ForCausalLM", 32, 128, 32768},
}};
constexpr std::int64_t kDefaultWindow = 4096, kDefaultFirstWindowLayer = 28;
constexpr std::int64_t kMaximumLayers = 10000, kMaximumWidth = 1 << 24;

std::string lower(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(), [](unsigned char c) { return std::tolower(c); });
  return text;
}

/// Decoders of text only, whose forward pass lmf knows. Everything else stops here, by its own name.
const Family& check_architecture(const ConfigObject& config) {
  for (const char* key :
       {"vision_config", "audio_config", "image_token_id", "video_token_id", "audio_token_id", "text_config"})
    if (config.has(key))
      config.refuse(fmt::format("{} is set: this is an image, audio or video model, and lmf reads text models", key));
  const std::string type = config.text("model_type", "");
  const auto family =
      std::find_if(kFamilies.begin(), kFamilies.end(), [&](const Family& f) { return f.model_type == type; });
  if (family == kFamilies.end())
    config.refuse(fmt::format("model_type is '{}', which lmf does not know", type),
                  "it knows llama, mistral, qwen2 and qwen3");
  if (config.has("architectures")) {
    const json& names = config.at("architectures");
    const bool known = names.is_array() && names.size() == 1 && names[0].is_string() &&
                       lower(names[0].get<std::string>()) == lower(std::string(family->architecture));
    if (!known) config.refuse(fmt::format("architectures is {}, and lmf reads {}", names.dump(), family->architecture));
  }
  return *family;
}

/// Keys that would change what the model computes, in ways lmf does not compute.
void refuse_what_changes_the_result(const ConfigObject& config, const std::string& model_type) {
  const std::string activation = config.text("hidden_act", "silu");
  if (activation != "silu" && activation != "swish")
    config.refuse(fmt::format("hidden_act is '{}', and lmf computes silu", activation));
  if (config.number("partial_rotary_factor", 1.0) != 1.0)
    config.refuse(fmt::format("partial_rotary_factor is {}, and lmf rotates whole heads",
                              config.at("partial_rotary_factor").dump()));
  const bool knows_attention_bias = model_type == "llama" || model_type == "qwen3";
  if (!knows_attention_bias && model_type != "qwen2" && config.flag("attention_bias", false))
    config.refuse(fmt::format("attention_bias is true, which {} models do not have", model_type));
  if (model_type != "llama" && config.flag("mlp_bias", false))
    config.refuse(fmt::format("mlp_bias is true, which {} models do not have", model_type));
  if (config.flag("is_encoder_decoder", false) || config.flag("add_cross_attention", false))
    config.refuse("is_encoder_decoder or add_cross_attention is true, and lmf reads decoders");
  for (const char* key : {"num_experts", "num_local_experts", "n_routed_experts"})
    if (config.integer(key, 0, 0) > 1)
      config.refuse(fmt::format("{} is {}: a mixture of experts, which lmf does not know", key, config.at(key).dump()));
  if (config.has("auto_map"))
    log::warn("{}: auto_map names Python code of the model's own; lmf computes the standard {} model", config.where(),
              model_type);
}

/// What older versions of AutoGPTQ write in the place of quantization_config.
constexpr const char* kGptqFile = "quantize_config.json";

std::optional<GptqFormat> read_quantization(const ConfigObject& config, const std::filesystem::path& directory,
                                            Quantized taken) {
  constexpr const char* kKey = "quantization_config";
  const bool inside = config.has(kKey);
  const auto file = directory / kGptqFile;
  if (!inside && !std::filesystem::exists(file)) return std::nullopt;
  const json description = inside ? config.at(kKey) : ConfigObject::read_file(file);
  const json unnamed = inside ? json() : json("gptq");
  const json method =
      description.is_object() ? description.value("quant_method", description.value("method", unnamed)) : json();
  const std::string found = fmt::format("{} is {} ({})", inside ? kKey : kGptqFile, inside ? "set" : "there",
                                        method.is_null() ? "no method" : method.dump());
  const char* hint =
      "take the model that it was made from; with quantization_bit: 4 or 8, chat and api round that one when they load "
      "it";
  if (method != "gptq") config.refuse(found + ": of quantised weights lmf reads gptq's", hint);
  if (taken != Quantized::gptq)
    config.refuse(found + ": the weights are quantised, and lmf trains and exports those that are not", hint);
  return GptqFormat::read(
      ConfigObject(description, inside ? fmt::format("{}: {}", config.where(), kKey) : file.string()));
}

/// The sliding window of each layer, 0 for none.
std::vector<std::int64_t> read_windows(const ConfigObject& config, const std::string& model_type, std::int64_t layers) {
  const auto count = static_cast<std::size_t>(layers);
  std::vector<std::int64_t> windows(count, 0);
  if (model_type == "llama") return windows;  // has no window, whatever the file says
  const bool key_is_null = config.mentions("sliding_window") && !config.has("sliding_window");
  const std::int64_t window = key_is_null ? 0 : config.integer("sliding_window", kDefaultWindow, 1);
  if (model_type == "mistral") return std::vector<std::int64_t>(count, window);

  const bool use = config.flag("use_sliding_window", false);
  if (config.has("layer_types")) {
    const json& types = config.at("layer_types");
    if (!types.is_array() || types.size() != count)
      config.refuse(fmt::format("layer_types must list {} layers", layers));
    for (std::size_t i = 0; i < count; ++i) {
      if (types[i] == "full_attention") continue;
      if (types[i] != "sliding_attention")
        config.refuse(fmt::format("layer_types has {}, which lmf does not know", types[i].dump()));
      if (!use || window == 0)
        config.refuse("layer_types has sliding_attention, but sliding_window or use_sliding_window is not set");
      windows[i] = window;
    }
    return windows;
  }
  if (use)
    for (std::int64_t i = config.integer("max_window_layers", kDefaultFirstWindowLayer, 0); i < layers; ++i)
      windows[static_cast<std::size_t>(i)] = window;
  return windows;
}

void read_shape(DecoderSpec& spec, const ConfigObject& config, const Family& family) {
  spec.vocab_size = config.integer("vocab_size", 1);
  spec.hidden_size = config.integer("hidden_size", 0, 1, kMaximumWidth);
  spec.intermediate_size = config.integer("intermediate_size", 0, 1, kMaximumWidth);
  spec.layers = config.integer("num_hidden_layers", 0, 1, kMaximumLayers);
  spec.heads = config.integer("num_attention_heads", 0, 1, kMaximumWidth);
  config.require({"hidden_size", "intermediate_size", "num_hidden_layers", "num_attention_heads"});
  const bool absent = !config.mentions("num_key_value_heads");
  spec.key_value_heads =
      config.integer("num_key_value_heads", absent && family.key_value_heads ? family.key_value_heads : spec.heads, 1);
  spec.head_dim =
      config.integer("head_dim", family.head_dim ? family.head_dim : spec.hidden_size / spec.heads, 1, kMaximumWidth);
  if (spec.heads % spec.key_value_heads != 0)
    config.refuse(fmt::format("num_attention_heads {} is no multiple of num_key_value_heads {}", spec.heads,
                              spec.key_value_heads));
  if (!config.has("head_dim") && !family.head_dim && spec.hidden_size % spec.heads != 0)
    config.refuse(fmt::format("hidden_size {} is no multiple of num_attention_heads {}", spec.hidden_size, spec.heads));
  if (spec.head_dim % 2 != 0)
    config.refuse(fmt::format("head_dim {} is odd, and rotary embeddings turn pairs", spec.head_dim));
}

std::vector<std::int64_t> read_ids(const ConfigObject& config, const char* key) {
  if (!config.has(key)) return {};
  const json& value = config.at(key);
  const json list = value.is_array() ? value : json::array({value});
  std::vector<std::int64_t> ids;
  for (const json& id : list) {
    if (!id.is_number_integer()) config.refuse(fmt::format("{} is {}, expected token ids", key, value.dump()));
    ids.push_back(id.get<std::int64_t>());
  }
  return ids;
}

std::optional<std::int64_t> read_id(const ConfigObject& config, const char* key,
                                    std::optional<std::int64_t> otherwise) {
  const auto ids = read_ids(config, key);
  return ids.empty() ? otherwise : ids.front();
}

/// generation_config.json wins over config.json, as in transformers' generate().
void read_token_ids(DecoderSpec& spec, const std::filesystem::path& directory, const ConfigObject& config) {
  spec.eos_ids = read_ids(config, "eos_token_id");
  spec.bos_id = read_id(config, "bos_token_id", {});
  spec.pad_id = read_id(config, "pad_token_id", {});
  const auto file = directory / "generation_config.json";
  if (!std::filesystem::exists(file)) return;
  spec.generation_config = read_file(file, 1 << 20);
  const json parsed = ConfigObject::read_file(file);
  const ConfigObject generation(parsed, file.string());
  if (generation.has("eos_token_id")) spec.eos_ids = read_ids(generation, "eos_token_id");
  spec.bos_id = read_id(generation, "bos_token_id", spec.bos_id);
  spec.pad_id = read_id(generation, "pad_token_id", spec.pad_id);
}

std::string read_dtype(const ConfigObject& config) {
  std::string dtype = config.text("dtype", config.text("torch_dtype", "float32"));
  if (dtype.starts_with("torch.")) dtype.erase(0, 6);
  if (dtype != "float32" && dtype != "float16" && dtype != "bfloat16")
    config.refuse(fmt::format("dtype is '{}', and lmf reads float32, float16 and bfloat16", dtype));
  return dtype;
}

}  // namespace

std::string architecture_of(const DecoderSpec& spec) {
  for (const Family& family : kFamilies)
    if (family.model_type == spec.model_type) return std::string(family.architecture);
  throw Error(fmt::format("no architecture has the type '{}'", spec.model_type), {}, kExitInternal);
}

DecoderSpec DecoderSpec::read(const std::filesystem::path& model_directory, Quantized taken) {
  const auto file = model_directory / "config.json";
  DecoderSpec spec;
  spec.config = ConfigObject::read_file(file);
  const ConfigObject config(spec.config, file.string());
  const Family& family = check_architecture(config);
  spec.model_type = family.model_type;
  spec.gptq = read_quantization(config, model_directory, taken);
  refuse_what_changes_the_result(config, spec.model_type);
  read_shape(spec, config, family);

  spec.norm_epsilon = config.number("rms_norm_eps", 1e-6);
  const bool attention_bias = config.flag("attention_bias", false);
  spec.query_key_value_bias = spec.model_type == "qwen2" || attention_bias;
  spec.output_bias = spec.model_type != "qwen2" && attention_bias;
  spec.mlp_bias = config.flag("mlp_bias", false) && spec.model_type == "llama";
  spec.query_key_norm = spec.model_type == "qwen3";
  spec.tied_embeddings = config.flag("tie_word_embeddings", false);
  spec.windows = read_windows(config, spec.model_type, spec.layers);
  spec.attention_dropout = config.number("attention_dropout", 0.0);
  if (spec.attention_dropout < 0.0 || spec.attention_dropout >= 1.0)
    config.refuse(fmt::format("attention_dropout is {}, expected a number from 0 to below 1", spec.attention_dropout));
  spec.max_positions = config.integer("max_position_embeddings", family.max_positions, 1);
  spec.initializer_range = config.number("initializer_range", 0.02);
  spec.rope = read_rope(config, spec.max_positions);
  spec.dtype = read_dtype(config);
  read_token_ids(spec, model_directory, config);
  return spec;
}

std::int64_t context_length(const DecoderSpec& spec) {
  const Rope& rope = spec.rope;
  double stretched = 0.0;
  if (rope.kind == Rope::Kind::linear || rope.kind == Rope::Kind::dynamic)
    stretched = double(spec.max_positions) * rope.factor;
  if (rope.kind == Rope::Kind::yarn) stretched = double(rope.original_max_positions) * rope.factor;
  constexpr double kLongest = 1e12;  // a hostile factor
  return std::max(spec.max_positions, static_cast<std::int64_t>(std::min(stretched, kLongest)));
}

}  // namespace lmf::model
