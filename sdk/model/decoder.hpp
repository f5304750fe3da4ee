#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <torch/types.h>

#include "model/decoder_spec.hpp"
#include "model/gptq_weight.hpp"

namespace lmf::model {

/// Sequences laid end to end, no padding. T: tokens of all sequences.
struct PackedTokens {
  torch::Tensor ids;                  ///< int64 [T]
  torch::Tensor positions;            ///< int64 [T], restarting at 0 in each sequence
  std::vector<std::int64_t> offsets;  ///< n+1 borders: sequence i is [offsets[i], offsets[i+1])

  static PackedTokens from(const std::vector<std::vector<std::int64_t>>& sequences, torch::Device device = torch::kCPU);
  std::int64_t longest() const;  ///< tokens of the longest sequence
};

/// y = x Wᵀ + b, and the low-rank update of an adapter when one is attached.
/// W [out, in], b [out] or undefined. LoRA: Hu et al. 2021, arXiv:2106.09685, eq. 3; rsLoRA: arXiv:2312.03732.
struct Linear {
  std::string name;  ///< "model.layers.0.self_attn.q_proj", without ".weight"
  torch::Tensor weight, bias;
  std::shared_ptr<const GptqWeight> packed;  ///< what the weight is made of where that is undefined
  torch::Tensor lora_a,
      lora_b;               ///< [rank, in], [out, rank], float32 unless loaded otherwise; undefined without an adapter
  torch::Tensor magnitude;  ///< [out] float32, of a DoRA adapter that is to be merged; else undefined
  double lora_scale = 0.0;
  double lora_dropout = 0.0;
  torch::Tensor dense_weight() const { return weight.defined() ? weight : packed->dequantized(); }
  torch::Tensor forward(const torch::Tensor& x, bool training) const;
};

struct Layer {
  torch::Tensor input_norm, post_attention_norm;  // [C]
  torch::Tensor query_norm, key_norm;             // [D] or undefined
  Linear q, k, v, o, gate, up, down;
  std::int64_t window = 0;
};

/// Keys and values of the tokens seen so far, one sequence. Static: allocated once for `capacity` tokens.
struct KeyValueCache {
  KeyValueCache() = default;
  KeyValueCache(const DecoderSpec& spec, std::int64_t capacity, torch::Dtype dtype, torch::Device device);
  std::vector<torch::Tensor> keys, values;  // [layers] of [capacity, key_value_heads, D]
  std::int64_t length = 0;
};

/// The decoder: parameters under their Hugging Face names, and a plain forward that is the reference for every other
/// executor. Forward is differentiable; no parameter requires a gradient until the caller (or attach_lora) says so.
/// A copy shares its tensors.
class Decoder {
 public:
  /// `dtype`: of the parameters in memory; default the checkpoint's. Every tensor is a copy of the file's, unless
  /// `mapped`: then those that need no conversion lie in the mapped file, and nothing may write to them. The weights of
  /// a GPTQ checkpoint are computed from its codes; mapped, on a CPU, they stay codes until they are asked for.
  static Decoder load(const std::filesystem::path& model_directory, std::optional<torch::Dtype> dtype = {},
                      torch::Device device = torch::kCPU, bool mapped = false);
  /// Random weights: linear and embedding N(0, initializer_range), norms 1, biases 0 (train_from_scratch). The same
  /// bits for the same seed, whatever device and dtype.
  static Decoder random(const DecoderSpec& spec, std::uint64_t seed, torch::Dtype dtype = torch::kFloat32,
                        torch::Device device = torch::kCPU);

  const DecoderSpec& spec() const { return spec_; }
  torch::Dtype dtype() const { return embedding.scalar_type(); }
  torch::Device device() const { return embedding.device(); }
  /// Last hidden state after the final norm, [T, C]. `checkpoint_layers`: keeps only each layer's input and computes
  /// the rest again in backward.
  torch::Tensor hidden(const PackedTokens& tokens, bool training = false, bool checkpoint_layers = false) const;
  /// Same, with the hidden states before each layer and after the last one's norm appended to `states` (layers + 1 of
  /// them).
  torch::Tensor hidden_states(const PackedTokens& tokens, std::vector<torch::Tensor>& states) const;
  /// [n, C] to [n, V].
  torch::Tensor logits(const torch::Tensor& hidden) const;
  /// Runs the next `ids` [n] of one sequence through the cache; hidden states of those tokens [n, C]. No gradients.
  torch::Tensor hidden_cached(const torch::Tensor& ids, KeyValueCache& cache) const;

  /// Every parameter once (a tied head is not listed), names and order as transformers' named_parameters().
  std::vector<std::pair<std::string, torch::Tensor>> parameters() const;
  /// The same as places, to put other tensors there. After replacing `embedding` of a tied model call retie().
  std::vector<std::pair<std::string, torch::Tensor*>> slots();
  /// Points a tied head at `embedding` again.
  void retie();
  /// Gives a tied head its own copy of the embedding (an adapter that trains the head whole).
  void untie_head();
  std::vector<Linear*> linears();  ///< all of the layers, then lm_head when untied
  std::int64_t parameter_count() const;
  /// Writes model.safetensors (sharded at `shard_bytes` with an index), config.json, generation_config.json;
  /// atomically.
  void save(const std::filesystem::path& directory, std::uint64_t shard_bytes = 5'000'000'000) const;

  torch::Tensor embedding;  // [V, C]
  std::vector<Layer> layers;
  torch::Tensor final_norm;  // [C]
  Linear head;               // weight is `embedding` when tied

 private:
  explicit Decoder(const DecoderSpec& spec);  // names and windows, no tensors
  /// Runs the layers; `states` may be null.
  torch::Tensor run(const PackedTokens& tokens, bool training, bool checkpoint_layers,
                    std::vector<torch::Tensor>* states) const;

  DecoderSpec spec_;
};

}  // namespace lmf::model
