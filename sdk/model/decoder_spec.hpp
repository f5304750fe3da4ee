#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "model/gptq_format.hpp"

namespace lmf::model {

/// Rotary position embedding (Su et al. 2021, arXiv:2104.09864) and its scaled variants.
struct Rope {
  enum class Kind { standard, linear, dynamic, llama3, yarn } kind = Kind::standard;
  double theta = 10000.0;
  double factor = 1.0;
  double low_frequency_factor = 1.0, high_frequency_factor = 4.0;  // llama3
  std::int64_t original_max_positions = 0;                         // llama3, yarn, dynamic
  double beta_fast = 32.0, beta_slow = 1.0;                        // yarn
  std::optional<double> attention_factor, mscale, mscale_all_dim;  // yarn
  bool truncate = true;                                            // yarn
};

/// Which quantised checkpoints the caller can do something with.
enum class Quantized { none, gptq };

/// A decoder-only transformer, as config.json describes it: Llama 2/3.x, Mistral, Qwen2/2.5, Qwen3.
struct DecoderSpec {
  std::string model_type;  ///< llama, mistral, qwen2, qwen3
  std::int64_t vocab_size = 0, hidden_size = 0, intermediate_size = 0;
  std::int64_t layers = 0, heads = 0, key_value_heads = 0, head_dim = 0;
  double norm_epsilon = 1e-6;
  bool query_key_value_bias = false, output_bias = false, mlp_bias = false;
  bool query_key_norm = false;  ///< Qwen3: RMSNorm on each head of q and k before RoPE
  bool tied_embeddings = false;
  std::vector<std::int64_t> windows;  ///< [layers] sliding window of each, 0: none
  double attention_dropout = 0.0;     ///< on the attention weights, in training only
  std::int64_t max_positions = 2048;
  double initializer_range = 0.02;
  Rope rope;
  std::vector<std::int64_t> eos_ids;  ///< of config.json / generation_config.json
  std::optional<std::int64_t> bos_id, pad_id;
  std::string dtype = "float32";   ///< of the checkpoint; of a quantised one, what is not quantised
  std::optional<GptqFormat> gptq;  ///< how linears are stored that have codes in the place of weights
  nlohmann::json config;           ///< config.json as read, written back with what changed
  std::string generation_config;   ///< generation_config.json as read, "" when there is none

  /// Throws Error naming file and key: unknown architecture, image or audio model, a key that would change the result,
  /// weights that are quantised in a way that is not `taken`.
  static DecoderSpec read(const std::filesystem::path& model_directory, Quantized taken = Quantized::none);
};

/// How many positions the model can be used with. The configs of linear, dynamic and yarn scaling keep the length from
/// before it (yarn's perhaps as original_max_position_embeddings), llama3's the one after.
std::int64_t context_length(const DecoderSpec& spec);

/// The class transformers has for a model: "LlamaForCausalLM".
std::string architecture_of(const DecoderSpec& spec);

/// A local folder for `name`: the folder itself, or the snapshot in the Hugging Face cache (HF_HUB_CACHE, HF_HOME;
/// layout of huggingface_hub). Throws Error saying where it was looked for and how to get it.
/// `cache_directory` (cache_dir), when it is not empty, is that cache.
std::filesystem::path resolve_model(const std::string& name, const std::string& revision = "main",
                                    const std::string& cache_directory = {});
/// The same for an adapter; what a folder holds is AdapterFolder's to judge.
std::filesystem::path resolve_adapter(const std::string& name, const std::string& revision = "main",
                                      const std::string& cache_directory = {});
/// The adapters that an option names, whose text was split at commas: a folder that has commas in its name is one of
/// them again.
std::vector<std::string> adapter_names(const std::vector<std::string>& parts);

}  // namespace lmf::model
