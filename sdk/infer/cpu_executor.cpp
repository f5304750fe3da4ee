#include "infer/cpu_executor.hpp"

#include <algorithm>
#include <cmath>
#include <utility>

#include <ATen/Parallel.h>
#include <torch/utils.h>
#include <fmt/format.h>

#include "lmf/error.hpp"

namespace lmf::infer {
namespace {

using torch::Tensor;

/// Where an adapter has trained a tensor whole it is another one.
bool is_shared(const Tensor& own, const Tensor& base) {
  return !own.defined() || own.is_same(base) || (base.defined() && torch::equal(own, base));
}

Tensor floats(const Tensor& tensor) { return tensor.defined() ? tensor.to(torch::kFloat32).contiguous() : tensor; }

/// Turns channel i of a head together with i + D/2.
void rotate(float* head, const float* cosines, const float* sines, std::int64_t half) {
  for (std::int64_t i = 0; i < half; ++i) {
    const float a = head[i], b = head[i + half];
    head[i] = a * cosines[i] - b * sines[i];
    head[i + half] = b * cosines[i] + a * sines[i];
  }
}

std::int64_t at_least_one_slot(const ExecutorSettings& settings) { return std::max<std::int64_t>(settings.slots, 1); }

}  // namespace

CpuExecutor::CpuExecutor(model::Decoder decoder, const ExecutorSettings& settings, std::vector<model::Decoder> adapted)
    : spec_(decoder.spec()),
      slots_(at_least_one_slot(settings)),
      slot_tokens_(settings.slot_tokens > 0 ? settings.slot_tokens : model::context_length(spec_)),
      step_tokens_(std::max(settings.step_tokens, slots_)),
      adapters_(std::ssize(adapted)),
      format_(settings.format),
      kernels_(kernels()),
      workers_(settings.threads > 0 ? settings.threads : at::get_num_threads()),
      cache_(spec_.layers, slots_, slot_tokens_, spec_.key_value_heads, spec_.head_dim),
      rotary_(spec_) {
  const torch::NoGradGuard no_gradients;
  for (std::size_t i = 0; i < decoder.layers.size(); ++i) {
    model::Layer& layer = decoder.layers[i];
    const auto linear = [&](model::Linear model::Layer::*member) {
      std::vector<const model::Linear*> others;
      for (const model::Decoder& other : adapted) others.push_back(&(other.layers[i].*member));
      return pack(layer.*member, others);
    };
    using L = model::Layer;
    layers_.push_back({floats(layer.input_norm), floats(layer.post_attention_norm), floats(layer.query_norm),
                       floats(layer.key_norm), linear(&L::q), linear(&L::k), linear(&L::v), linear(&L::o),
                       linear(&L::gate), linear(&L::up), linear(&L::down), layer.window});
    layer = {};  // a quantised model must not lie in memory twice
    for (model::Decoder& other : adapted) other.layers[i] = {};
  }
  const auto table = [](const Tensor& embedding) {
    return embedding.scalar_type() == torch::kBFloat16 ? embedding.contiguous() : floats(embedding);
  };
  embeddings_.push_back(table(decoder.embedding));
  for (const model::Decoder& other : adapted)
    embeddings_.push_back(is_shared(other.embedding, decoder.embedding) ? embeddings_.front() : table(other.embedding));
  final_norm_ = floats(decoder.final_norm);
  std::vector<const model::Linear*> heads;
  for (const model::Decoder& other : adapted) heads.push_back(&other.head);
  head_ = pack(decoder.head, heads);
}

/// Codes that the format has room for are not rounded a second time. A weight that an adapter has whole is none of
/// them.
CpuExecutor::Base CpuExecutor::pack_base(const model::Linear& linear) {
  const Tensor weight = linear.dense_weight();
  const bool few_bits = format_ == WeightFormat::int8 || format_ == WeightFormat::int4;
  if (few_bits && !linear.weight.defined() && linear.packed->bits == 4)
    if (auto exact = PackedWeights::pack_exactly(weight, memory_)) return {std::move(*exact), floats(linear.bias)};
  return {PackedWeights::pack(weight, format_, memory_), floats(linear.bias)};
}

CpuExecutor::Linear CpuExecutor::pack(const model::Linear& linear, const std::vector<const model::Linear*>& adapted) {
  if (linear.lora_a.defined())
    throw Error("an adapter has to be merged or kept apart before the model answers", {}, kExitInternal);
  const auto is_int8 = [](const Base& base) { return base.weights.matrix.format == WeightFormat::int8; };
  Linear packed{pack_base(linear), {}};
  packed.takes_rounded = is_int8(packed.base);
  for (const model::Linear* other : adapted) {
    Update& update = packed.updates.emplace_back();
    if (!is_shared(other->weight, linear.weight) || !is_shared(other->bias, linear.bias)) {
      update.own = pack_base(*other);
      packed.takes_rounded |= is_int8(*update.own);
    }
    if (!other->lora_a.defined()) continue;
    update.a = PackedWeights::pack(other->lora_a, WeightFormat::fp32, memory_);
    update.b = PackedWeights::pack(other->lora_b, WeightFormat::fp32, memory_);
    update.scale = static_cast<float>(other->lora_scale);
    rank_ = std::max(rank_, other->lora_a.size(0));
  }
  return packed;
}

Input CpuExecutor::prepare(std::initializer_list<Linear*> linears, const float* x, std::int64_t tokens) {
  if (!adapter_of_.empty())
    for (Linear* linear : linears) lower(*linear, x);
  if (std::ranges::none_of(linears, &Linear::takes_rounded)) return {x};
  const std::int64_t columns = (*linears.begin())->base.weights.matrix.columns, blocks = rounded_blocks(columns);
  rounded_.resize(static_cast<std::size_t>(tokens * columns));
  rounded_scales_.resize(static_cast<std::size_t>(tokens * blocks));
  for_tokens(tokens, 8, [&](std::int64_t t) {
    kernels_.round(x + t * columns, columns, rounded_.data() + t * columns, rounded_scales_.data() + t * blocks);
  });
  return {x, rounded_.data(), rounded_scales_.data()};
}

void CpuExecutor::lower(Linear& linear, const float* x) {
  const auto tokens = std::ssize(adapter_of_);
  linear.low.resize(static_cast<std::size_t>(tokens * rank_));
  workers_.run(tokens, [&](std::int64_t t) {
    const std::int32_t adapter = adapter_of_[static_cast<std::size_t>(t)];
    if (adapter < 0) return;
    const Matrix& a = linear.updates[static_cast<std::size_t>(adapter)].a.matrix;
    kernels_.multiply(a, {x + t * a.columns}, 1, 0, a.rows, linear.low.data() + t * rank_, rank_);
  });
}

const CpuExecutor::Base& CpuExecutor::base_of(const Linear& linear, std::int64_t row) const {
  const std::int32_t adapter = adapter_of_.empty() ? -1 : adapter_of_[static_cast<std::size_t>(row)];
  if (adapter < 0) return linear.base;
  const auto& own = linear.updates[static_cast<std::size_t>(adapter)].own;
  return own ? *own : linear.base;
}

/// Outputs of one task: enough to be worth taking, few enough that all threads end together. Long runs come from memory
/// fastest; with many tokens, the weights of a task stay in the second-level cache while these pass by.
std::int64_t CpuExecutor::chunk(std::int64_t outputs, std::int64_t tokens) const {
  constexpr std::int64_t kLeast = 8, kMost = 512, kMostForManyTokens = 64;
  const std::int64_t even = outputs / (4 * workers_.threads());
  return std::clamp(even / kLeast * kLeast, kLeast, tokens > 8 ? kMostForManyTokens : kMost);
}

void CpuExecutor::multiply(const Linear& linear, const Input& input, std::int64_t tokens, std::int64_t begin,
                           std::int64_t end, float* y, std::int64_t y_stride) const {
  for (std::int64_t first = 0, last = 0; first < tokens; first = last) {
    const Base& base = base_of(linear, first);
    while (last < tokens && &base_of(linear, last) == &base) ++last;
    const Matrix& matrix = base.weights.matrix;
    kernels_.multiply(matrix, input.from(first, matrix.columns), last - first, begin, end, y + first * y_stride,
                      y_stride);
    const float* bias = base.bias.defined() ? base.bias.data_ptr<float>() : nullptr;
    for (std::int64_t t = first; bias && t < last; ++t)
      for (std::int64_t r = begin; r < end; ++r) y[t * y_stride + r] += bias[r];
  }
  std::vector<float> added;
  for (std::size_t t = 0; t < adapter_of_.size(); ++t) {
    if (adapter_of_[t] < 0) continue;
    const Update& update = linear.updates[static_cast<std::size_t>(adapter_of_[t])];
    if (update.b.matrix.rows == 0) continue;
    added.resize(static_cast<std::size_t>(linear.outputs()));
    const auto row = static_cast<std::int64_t>(t);
    kernels_.multiply(update.b.matrix, {linear.low.data() + row * rank_}, 1, begin, end, added.data(),
                      linear.outputs());
    for (std::int64_t r = begin; r < end; ++r)
      y[row * y_stride + r] += update.scale * added[static_cast<std::size_t>(r)];
  }
}

void CpuExecutor::normalise(const float* x, const Tensor& weight, std::int64_t tokens, float* out) {
  const float epsilon = static_cast<float>(spec_.norm_epsilon);
  const std::int64_t size = spec_.hidden_size;
  for_tokens(tokens, 8, [&](std::int64_t t) {
    kernels_.normalise(x + t * size, weight.data_ptr<float>(), epsilon, size, out + t * size);
  });
}

void CpuExecutor::embed(std::span<const Row> rows) {
  const auto width = static_cast<std::size_t>(spec_.hidden_size);
  x_.resize(rows.size() * width);
  for (std::size_t t = 0; t < rows.size(); ++t) {
    const Row& row = rows[t];
    if (row.token < 0 || row.token >= spec_.vocab_size || row.position < 0 || row.position >= slot_tokens_)
      throw Error(fmt::format("token {} at position {} is outside of the model", row.token, row.position), {},
                  kExitInternal);
    const std::size_t first = static_cast<std::size_t>(row.token) * width;
    const Tensor& embedding = embeddings_[static_cast<std::size_t>(row.adapter + 1)];
    if (embedding.scalar_type() == torch::kFloat32)
      std::copy_n(embedding.data_ptr<float>() + first, width, x_.data() + t * width);
    else
      std::copy_n(embedding.data_ptr<c10::BFloat16>() + first, width, x_.data() + t * width);
  }
}

/// Queries, keys and values of the normed rows, side by side.
void CpuExecutor::project(Layer& layer, std::int64_t tokens) {
  const Input input = prepare({&layer.q, &layer.k, &layer.v}, normed_.data(), tokens);
  const std::int64_t width = layer.q.outputs() + layer.k.outputs() + layer.v.outputs();
  qkv_.resize(static_cast<std::size_t>(tokens * width));
  const std::int64_t step = chunk(layer.q.outputs(), tokens);
  const auto parts = [&](const Linear& linear) { return (linear.outputs() + step - 1) / step; };
  workers_.run(parts(layer.q) + parts(layer.k) + parts(layer.v), [&](std::int64_t part) {
    std::int64_t column = 0;
    for (const Linear* linear : {&layer.q, &layer.k, &layer.v}) {
      if (part < parts(*linear))
        return multiply(*linear, input, tokens, part * step, std::min((part + 1) * step, linear->outputs()),
                        qkv_.data() + column, width);
      part -= parts(*linear);
      column += linear->outputs();
    }
  });
}

/// Norms and turns queries and keys, and puts keys and values into the cache.
void CpuExecutor::place(const Layer& layer, std::int64_t index, std::span<const Row> rows) {
  const std::int64_t D = spec_.head_dim, heads = spec_.heads, own = spec_.key_value_heads;
  const float epsilon = static_cast<float>(spec_.norm_epsilon);
  for_tokens(std::ssize(rows), 4, [&](std::int64_t token) {
    const auto t = static_cast<std::size_t>(token);
    float* q = qkv_.data() + token * (heads + 2 * own) * D;
    float* v = q + (heads + own) * D;
    for (std::int64_t head = 0; head < heads + own; ++head) {
      const Tensor& norm = head < heads ? layer.query_norm : layer.key_norm;
      float* channels = q + head * D;
      if (norm.defined()) kernels_.normalise(channels, norm.data_ptr<float>(), epsilon, D, channels);
      rotate(channels, rotary_.cosines(t), rotary_.sines(t), D / 2);
    }
    for (std::int64_t head = 0; head < own; ++head)
      cache_.write(index, rows[t].slot, head, rows[t].position, q + (heads + head) * D, v + head * D);
  });
}

void CpuExecutor::attend(const Layer& layer, std::int64_t index, std::span<const Row> rows) {
  const std::int64_t D = spec_.head_dim, own = spec_.key_value_heads, shared = spec_.heads / own;
  const std::int64_t width = (spec_.heads + 2 * own) * D;
  const float scale = 1.0f / std::sqrt(static_cast<float>(D));
  attended_.resize(rows.size() * static_cast<std::size_t>(spec_.heads * D));
  // One head for all rows before the next: what its rows read is the same memory.
  workers_.run(static_cast<std::int64_t>(rows.size()) * own, [&](std::int64_t i) {
    const std::int64_t head = i / static_cast<std::int64_t>(rows.size()),
                       t = i % static_cast<std::int64_t>(rows.size());
    const Row& row = rows[static_cast<std::size_t>(t)];
    const std::int64_t end = row.position + 1,
                       begin = layer.window > 0 ? std::max<std::int64_t>(end - layer.window, 0) : 0;
    kernels_.attend(qkv_.data() + t * width + head * shared * D, cache_.keys(index, row.slot, head),
                    cache_.values(index, row.slot, head), begin, end, shared, D, scale,
                    attended_.data() + (t * spec_.heads + head * shared) * D);
  });
}

/// Adds linear(x) to the residual stream.
void CpuExecutor::add(Linear& linear, const float* x, std::int64_t tokens) {
  const Input input = prepare({&linear}, x, tokens);
  const std::int64_t width = spec_.hidden_size, step = chunk(width, tokens);
  normed_.resize(static_cast<std::size_t>(tokens * width));  // its values have been used
  workers_.run((width + step - 1) / step, [&](std::int64_t part) {
    const std::int64_t begin = part * step, end = std::min(begin + step, width);
    multiply(linear, input, tokens, begin, end, normed_.data(), width);
    for (std::int64_t t = 0; t < tokens; ++t)
      for (std::int64_t c = begin; c < end; ++c)
        x_[static_cast<std::size_t>(t * width + c)] += normed_[static_cast<std::size_t>(t * width + c)];
  });
}

void CpuExecutor::feed_forward(Layer& layer, std::int64_t tokens) {
  const Input input = prepare({&layer.gate, &layer.up}, normed_.data(), tokens);
  const std::int64_t width = layer.gate.outputs(), step = chunk(width, tokens);
  gate_.resize(static_cast<std::size_t>(tokens * width));
  up_.resize(gate_.size());
  workers_.run((width + step - 1) / step, [&](std::int64_t part) {
    const std::int64_t begin = part * step, end = std::min(begin + step, width);
    multiply(layer.gate, input, tokens, begin, end, gate_.data(), width);
    multiply(layer.up, input, tokens, begin, end, up_.data(), width);
    for (std::int64_t t = 0; t < tokens; ++t)
      kernels_.activate(gate_.data() + t * width + begin, up_.data() + t * width + begin, end - begin);
  });
  add(layer.down, gate_.data(), tokens);
}

std::span<const float> CpuExecutor::run(std::span<const Row> rows) {
  const torch::InferenceMode no_gradients;
  const auto tokens = static_cast<std::int64_t>(rows.size());
  const auto width = static_cast<std::size_t>(spec_.hidden_size);
  embed(rows);
  rotary_.prepare(rows);
  adapter_of_.clear();
  if (std::ranges::any_of(rows, [](const Row& row) { return row.adapter >= 0; }))
    for (const Row& row : rows) adapter_of_.push_back(row.adapter);
  normed_.resize(x_.size());
  for (std::size_t i = 0; i < layers_.size(); ++i) {
    Layer& layer = layers_[i];
    const auto index = static_cast<std::int64_t>(i);
    normalise(x_.data(), layer.input_norm, tokens, normed_.data());
    project(layer, tokens);
    place(layer, index, rows);
    attend(layer, index, rows);
    add(layer.o, attended_.data(), tokens);
    normalise(x_.data(), layer.post_attention_norm, tokens, normed_.data());
    feed_forward(layer, tokens);
  }
  states_.clear();
  for (std::size_t t = 0; t < rows.size(); ++t)
    if (rows[t].wants_state) states_.insert(states_.end(), x_.data() + t * width, x_.data() + (t + 1) * width);
  if (!states_.empty()) normalise(states_.data(), final_norm_, std::ssize(states_) / spec_.hidden_size, states_.data());
  std::int64_t wanted = 0;
  for (std::size_t t = 0; t < rows.size(); ++t) {
    if (!rows[t].wants_logits) continue;
    std::copy_n(x_.data() + t * width, width, x_.data() + static_cast<std::size_t>(wanted) * width);
    if (!adapter_of_.empty()) adapter_of_[static_cast<std::size_t>(wanted)] = rows[t].adapter;
    ++wanted;
  }
  if (!adapter_of_.empty()) adapter_of_.resize(static_cast<std::size_t>(wanted));
  const std::int64_t vocabulary = spec_.vocab_size, step = chunk(vocabulary, wanted);
  normalise(x_.data(), final_norm_, wanted, normed_.data());
  const Input input = prepare({&head_}, normed_.data(), wanted);
  logits_.resize(static_cast<std::size_t>(wanted * vocabulary));
  workers_.run((vocabulary + step - 1) / step, [&](std::int64_t part) {
    multiply(head_, input, wanted, part * step, std::min((part + 1) * step, vocabulary), logits_.data(), vocabulary);
  });
  return logits_;
}

void CpuExecutor::copy_prefix(std::int64_t from, std::int64_t to, std::int64_t tokens) {
  cache_.copy_prefix(from, to, tokens);
}

}  // namespace lmf::infer
