// The plain forward pass, layer by layer, the reference for every other executor: over one token array, with a cache
// for each sequence, and of one token of each of several sequences.
#include <algorithm>
#include <numeric>

#include <torch/utils.h>
#include <fmt/format.h>

#include "lmf/error.hpp"
#include "model/attention.hpp"
#include "model/decoder.hpp"
#include "model/layer_forward.hpp"
#include "model/operators.hpp"
#include "model/rope.hpp"

namespace lmf::model {
namespace {

using torch::Tensor;

/// Queries, keys and values of x [T, C], turned by their positions: [T, H, D], [T, Hkv, D] twice.
struct Projections {
  Tensor q, k, v;
};
Projections project(const Layer& layer, const DecoderSpec& spec, const Tensor& x, const RotaryTable& rotary,
                    bool training) {
  const std::int64_t T = x.size(0), D = spec.head_dim;
  Tensor q = layer.q.forward(x, training).view({T, spec.heads, D});
  Tensor k = layer.k.forward(x, training).view({T, spec.key_value_heads, D});
  const Tensor v = layer.v.forward(x, training).view({T, spec.key_value_heads, D});
  if (layer.query_norm.defined()) {
    q = rms_norm(q, layer.query_norm, spec.norm_epsilon);
    k = rms_norm(k, layer.key_norm, spec.norm_epsilon);
  }
  return {rotate(q, rotary.cos, rotary.sin), rotate(k, rotary.cos, rotary.sin), v};
}

Tensor after_attention(const Layer& layer, const Tensor& x, const Tensor& attended, bool training) {
  return x + layer.o.forward(attended.reshape({x.size(0), -1}), training);
}

Tensor activated(const Layer& layer, const Tensor& normed, bool training) {
  return swiglu(layer.gate.forward(normed, training), layer.up.forward(normed, training));
}

/// What follows attention: output projection, residual, MLP. x [T, C], attended [T, H, D].
Tensor finish_layer(const Layer& layer, const DecoderSpec& spec, const Tensor& x, const Tensor& attended,
                    bool training) {
  const Tensor middle = after_attention(layer, x, attended, training);
  const Tensor normed = rms_norm(middle, layer.post_attention_norm, spec.norm_epsilon);
  return middle + layer.down.forward(activated(layer, normed, training), training);
}

Tensor run_layer(const Layer& layer, const DecoderSpec& spec, const Tensor& x, const RotaryTable& rotary,
                 const std::vector<std::int64_t>& offsets, bool training) {
  const auto [q, k, v] = project(layer, spec, rms_norm(x, layer.input_norm, spec.norm_epsilon), rotary, training);
  const Tensor attended = packed_attention(q, k, v, offsets, layer.window, training ? spec.attention_dropout : 0.0);
  return finish_layer(layer, spec, x, attended, training);
}

/// Every tensor of a layer that may get a gradient.
std::vector<Tensor> trainable(const Layer& layer) {
  std::vector<Tensor> all{layer.input_norm, layer.post_attention_norm, layer.query_norm, layer.key_norm};
  for (const Linear* module : {&layer.q, &layer.k, &layer.v, &layer.o, &layer.gate, &layer.up, &layer.down})
    all.insert(all.end(), {module->weight, module->bias, module->lora_a, module->lora_b});
  std::erase_if(all, [](const Tensor& tensor) { return !tensor.defined() || !tensor.requires_grad(); });
  return all;
}

Tensor embed(const Tensor& embedding, const Tensor& ids) {
  if (ids.is_cpu() && ids.numel() > 0) {  // on a GPU the check would stop the stream; the kernel asserts there
    const auto [least, most] = torch::aminmax(ids);
    if (least.item<std::int64_t>() < 0 || most.item<std::int64_t>() >= embedding.size(0))
      throw Error(fmt::format("token ids run from {} to {}, but the model's vocabulary has {} entries",
                              least.item<std::int64_t>(), most.item<std::int64_t>(), embedding.size(0)),
                  "model and tokenizer may not belong together");
  }
  return torch::embedding(embedding, ids);
}

}  // namespace

PackedTokens PackedTokens::from(const std::vector<std::vector<std::int64_t>>& sequences, torch::Device device) {
  std::vector<std::int64_t> ids, positions, offsets{0};
  for (const auto& sequence : sequences) {
    ids.insert(ids.end(), sequence.begin(), sequence.end());
    offsets.push_back(static_cast<std::int64_t>(ids.size()));
    positions.resize(ids.size());
    std::iota(positions.end() - static_cast<std::ptrdiff_t>(sequence.size()), positions.end(), std::int64_t{0});
  }
  return {torch::tensor(ids, torch::kInt64).to(device), torch::tensor(positions, torch::kInt64).to(device),
          std::move(offsets)};
}

std::int64_t PackedTokens::longest() const {
  std::int64_t most = 0;
  for (std::size_t i = 0; i + 1 < offsets.size(); ++i) most = std::max(most, offsets[i + 1] - offsets[i]);
  return most;
}

Tensor Linear::forward(const Tensor& x, bool training) const {
  const Tensor base = torch::linear(x, dense_weight(), bias);
  if (!lora_a.defined()) return base;
  Tensor input = x.to(lora_a.scalar_type());
  if (training && lora_dropout > 0.0) input = torch::dropout(input, lora_dropout, true);
  const Tensor update = torch::linear(torch::linear(input, lora_a), lora_b) * lora_scale;
  return (base + update).to(x.scalar_type());
}

Tensor layer_forward(const Layer& layer, const DecoderSpec& spec, const Tensor& x, const PackedTokens& tokens) {
  const RotaryTable rotary = rotary_table(spec, tokens.positions, tokens.longest(), x.scalar_type());
  return run_layer(layer, spec, x, rotary, tokens.offsets, /*training=*/false);
}

Tensor linear_input(const Layer& layer, const DecoderSpec& spec, const Tensor& x, const PackedTokens& tokens,
                    LinearInput which) {
  const Tensor first = rms_norm(x, layer.input_norm, spec.norm_epsilon);
  if (which == LinearInput::attention) return first;
  const RotaryTable rotary = rotary_table(spec, tokens.positions, tokens.longest(), x.scalar_type());
  const auto [q, k, v] = project(layer, spec, first, rotary, /*training=*/false);
  const Tensor attended = packed_attention(q, k, v, tokens.offsets, layer.window, 0.0).reshape({x.size(0), -1});
  if (which == LinearInput::output) return attended;
  const Tensor second =
      rms_norm(after_attention(layer, x, attended, false), layer.post_attention_norm, spec.norm_epsilon);
  return which == LinearInput::mlp ? second : activated(layer, second, false);
}

KeyValueCache::KeyValueCache(const DecoderSpec& spec, std::int64_t capacity, torch::Dtype dtype, torch::Device device) {
  for (std::int64_t i = 0; i < spec.layers; ++i) {
    const auto options = torch::TensorOptions(device).dtype(dtype);
    keys.push_back(torch::empty({capacity, spec.key_value_heads, spec.head_dim}, options));
    values.push_back(torch::empty({capacity, spec.key_value_heads, spec.head_dim}, options));
  }
}

Tensor Decoder::run(const PackedTokens& tokens, bool training, bool checkpoint_layers,
                    std::vector<Tensor>* states) const {
  Tensor x = embed(embedding, tokens.ids);
  const RotaryTable rotary = rotary_table(spec_, tokens.positions, tokens.longest(), x.scalar_type());
  const bool checkpoint = checkpoint_layers && torch::GradMode::is_enabled();
  for (const Layer& layer : layers) {
    if (states) states->push_back(x);
    const auto body = [&layer, rotary, training, offsets = tokens.offsets, this](const Tensor& input) {
      return run_layer(layer, spec_, input, rotary, offsets, training);
    };
    x = checkpoint ? recomputed(body, x, trainable(layer)) : body(x);
  }
  x = rms_norm(x, final_norm, spec_.norm_epsilon);
  if (states) states->push_back(x);
  return x;
}

Tensor Decoder::hidden(const PackedTokens& tokens, bool training, bool checkpoint_layers) const {
  return run(tokens, training, checkpoint_layers, nullptr);
}

Tensor Decoder::hidden_states(const PackedTokens& tokens, std::vector<Tensor>& states) const {
  return run(tokens, false, false, &states);
}

Tensor Decoder::logits(const Tensor& hidden) const { return head.forward(hidden, false); }

Tensor Decoder::hidden_cached(const Tensor& ids, KeyValueCache& cache) const {
  const CachedTokens sequence{ids.size(0), &cache};
  return model::hidden_cached(*this, ids, {&sequence, 1});
}

Tensor hidden_cached(const Decoder& decoder, const Tensor& ids, std::span<const CachedTokens> sequences) {
  const torch::NoGradGuard no_grad;
  const DecoderSpec& spec = decoder.spec();
  Tensor x = embed(decoder.embedding, ids);
  std::vector<Tensor> cosines, sines;
  for (const auto& [count, cache] : sequences) {
    const std::int64_t end = cache->length + count;
    if (end > cache->keys.at(0).size(0))
      throw Error(fmt::format("{} tokens do not fit a cache of {}", end, cache->keys[0].size(0)), {}, kExitInternal);
    const Tensor positions = torch::arange(cache->length, end, torch::TensorOptions(x.device()).dtype(torch::kInt64));
    const RotaryTable table = rotary_table(spec, positions, end, x.scalar_type());  // may depend on the length
    cosines.push_back(table.cos);
    sines.push_back(table.sin);
  }
  const RotaryTable rotary{torch::cat(cosines), torch::cat(sines)};
  for (std::size_t i = 0; i < decoder.layers.size(); ++i) {
    const Layer& layer = decoder.layers[i];
    const auto [q, k, v] = project(layer, spec, rms_norm(x, layer.input_norm, spec.norm_epsilon), rotary, false);
    std::vector<Tensor> attended;
    std::int64_t first = 0;
    for (const auto& [count, cache] : sequences) {
      const std::int64_t end = cache->length + count;
      Tensor &keys = cache->keys[i], &values = cache->values[i];
      keys.narrow(0, cache->length, count).copy_(k.narrow(0, first, count));
      values.narrow(0, cache->length, count).copy_(v.narrow(0, first, count));
      attended.push_back(
          cached_attention(q.narrow(0, first, count), keys.narrow(0, 0, end), values.narrow(0, 0, end), layer.window));
      first += count;
    }
    x = finish_layer(layer, spec, x, torch::cat(attended), false);
  }
  for (const auto& [count, cache] : sequences) cache->length += count;
  return rms_norm(x, decoder.final_norm, spec.norm_epsilon);
}

SlottedCache::SlottedCache(const DecoderSpec& spec, std::int64_t slots, std::int64_t positions, torch::Dtype dtype,
                           torch::Device device) {
  for (std::int64_t i = 0; i < spec.layers; ++i)
    for (std::vector<Tensor>* part : {&keys, &values})
      part->push_back(torch::zeros({slots, positions, spec.key_value_heads, spec.head_dim},
                                   torch::TensorOptions(device).dtype(dtype)));
}

KeyValueCache SlottedCache::slot(std::int64_t index, std::int64_t length) const {
  KeyValueCache cache;
  for (const Tensor& all : keys) cache.keys.push_back(all.select(0, index));
  for (const Tensor& all : values) cache.values.push_back(all.select(0, index));
  cache.length = length;
  return cache;
}

Tensor hidden_batched(const Decoder& decoder, const BatchedTokens& tokens, SlottedCache& cache, std::int64_t length) {
  const torch::NoGradGuard no_grad;
  const DecoderSpec& spec = decoder.spec();
  const std::int64_t rows = tokens.ids.size(0);
  const auto integers = tokens.positions.options();
  const Tensor places = torch::arange(rows, integers) * cache.positions() + tokens.positions;
  const Tensor last = tokens.positions.unsqueeze(1), position = torch::arange(length, integers).unsqueeze(0);
  const Tensor earlier = position <= last;
  const auto put = [&](Tensor& all, const Tensor& fresh) { all.flatten(0, 1).index_copy_(0, places, fresh); };
  const auto read = [&](const Tensor& all) { return all.narrow(0, 0, rows).narrow(1, 0, length); };
  Tensor x = embed(decoder.embedding, tokens.ids);
  for (std::size_t i = 0; i < decoder.layers.size(); ++i) {
    const Layer& layer = decoder.layers[i];
    const auto [q, k, v] =
        project(layer, spec, rms_norm(x, layer.input_norm, spec.norm_epsilon), {tokens.cos, tokens.sin}, false);
    put(cache.keys[i], k);
    put(cache.values[i], v);
    const Tensor seen = layer.window > 0 ? earlier & (position > last - layer.window) : earlier;
    x = finish_layer(layer, spec, x, batched_attention(q, read(cache.keys[i]), read(cache.values[i]), seen), false);
  }
  return rms_norm(x, decoder.final_norm, spec.norm_epsilon);
}

}  // namespace lmf::model
