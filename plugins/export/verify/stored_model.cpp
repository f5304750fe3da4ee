#include "verify/stored_model.hpp"

#include <algorithm>
#include <utility>

#include <torch/utils.h>
#include <fmt/format.h>

#include "base/pages.hpp"
#include "model/adapter_config.hpp"
#include "model/operators.hpp"

namespace lmf::exporter {
namespace {

using torch::Tensor;

constexpr const char* kHead = "lm_head.weight";
constexpr const char* kEmbedding = "model.embed_tokens.weight";

/// A copy in float32; the file's pages are given back.
Tensor rows_of(const model::Weights& weights, const std::string& name, std::int64_t first, std::int64_t count) {
  const Tensor whole = weights.tensor(name);
  const Tensor rows = whole.narrow(0, first, count).to(torch::kFloat32, /*non_blocking=*/false, /*copy=*/true);
  const auto bytes = weights.files().bytes(name).bytes;
  const std::size_t row = whole.size(0) == 0 ? 0 : bytes.size() / static_cast<std::size_t>(whole.size(0));
  release_pages(bytes.subspan(static_cast<std::size_t>(first) * row, static_cast<std::size_t>(count) * row));
  return rows;
}

Tensor all_of(const model::Weights& weights, const std::string& name) {
  return rows_of(weights, name, 0, weights.tensor(name).size(0));
}

bool has_pair(const model::AdapterFolder& folder, const std::string& module) {
  const auto& linears = folder.plan.linears;
  return std::any_of(linears.begin(), linears.end(), [&](const auto& linear) { return linear.name == module; });
}

std::string module_of(const std::string& parameter) { return parameter.substr(0, parameter.rfind('.')); }

}  // namespace

StoredModel::StoredModel(const std::filesystem::path& folder, const std::vector<StoredAdapter>& adapters)
    : spec_(model::DecoderSpec::read(folder)), weights_(model::Weights::open_model(folder)) {
  model::require_parameters(weights_.files(), spec_);
  for (const StoredAdapter& adapter : adapters) {
    auto opened = model::AdapterFolder::open(adapter.directory, spec_);
    if (opened.plan.separates_head) spec_.tied_embeddings = false;
    model::Weights weights(opened.weights);
    adapters_.push_back({std::move(opened), std::move(weights), adapter.weight});
  }
}

/// A tied head is the embedding; one that an adapter parted from it begins as such.
std::string StoredModel::source_of(const std::string& name) const {
  return name == kHead && (spec_.tied_embeddings || files().find(kHead) == nullptr) ? kEmbedding : name;
}

bool StoredModel::is_adapted(const std::string& name) const {
  return std::any_of(adapters_.begin(), adapters_.end(), [&](const Adapter& adapter) {
    return has_pair(adapter.folder, module_of(name)) ||
           adapter.folder.weights.find(model::kAdapterPrefix + name) != nullptr;
  });
}

Tensor StoredModel::sum_of(const Parts& parts) {
  Tensor sum = parts.weight;
  for (const Pair& pair : parts.pairs) sum = sum + torch::matmul(pair.b, pair.a) * pair.scale;
  return sum;
}

StoredModel::Parts StoredModel::parts(const std::string& name, std::int64_t first, std::int64_t count) const {
  const std::string source = source_of(name), module = module_of(name);
  Parts parts{rows_of(weights_, source, first, count), {}};
  if (spec_.tied_embeddings && name == kHead) return parts;
  for (const Adapter& adapter : adapters_) {
    const bool has_update = name.ends_with(".weight") && has_pair(adapter.folder, module);
    if (has_update)
      parts.pairs.push_back({all_of(adapter.weights, model::kAdapterPrefix + module + ".lora_A.weight"),
                             rows_of(adapter.weights, model::kAdapterPrefix + module + ".lora_B.weight", first, count),
                             model::scale_of(adapter.folder.config, module) * adapter.weight});
    if (has_update && adapter.folder.config.dora) {
      const Tensor sum = sum_of(parts);
      const Tensor lengths = rows_of(adapter.weights, model::kAdapterPrefix + module + model::kMagnitude, first, count);
      parts = {sum * (lengths / torch::linalg_vector_norm(sum, 2, {1})).unsqueeze(1), {}};
    }
    if (adapter.folder.weights.find(model::kAdapterPrefix + name) == nullptr) continue;
    const Tensor trained = rows_of(adapter.weights, model::kAdapterPrefix + name, first, count);
    if (adapter.weight == 1.0) {
      parts = {trained, {}};
      continue;
    }
    parts.weight = parts.weight + adapter.weight * (trained - parts.weight);
    for (Pair& pair : parts.pairs) pair.scale *= 1.0 - adapter.weight;
  }
  return parts;
}

StoredModel::Parts StoredModel::parts(const std::string& name) const {
  return parts(name, 0, files().require(source_of(name)).shape.front());
}

Tensor StoredModel::merged(const std::string& name, std::int64_t first, std::int64_t count) const {
  return sum_of(parts(name, first, count));
}

Tensor StoredModel::plain(const std::string& name) const {
  return merged(name, 0, files().require(name).shape.front());
}

model::Linear StoredModel::linear(const std::string& name) const {
  const Parts all = parts(name + ".weight");
  model::Linear linear;
  linear.name = name;
  linear.weight = all.weight;
  if (files().find(name + ".bias") != nullptr) linear.bias = plain(name + ".bias");
  if (all.pairs.empty()) return linear;
  // Σ s B A is one product of what stands side by side.
  std::vector<Tensor> a, b;
  for (const Pair& pair : all.pairs) {
    a.push_back(pair.a);
    b.push_back(pair.b * pair.scale);
  }
  linear.lora_a = torch::cat(a, 0);
  linear.lora_b = torch::cat(b, 1);
  linear.lora_scale = 1.0;
  return linear;
}

Tensor StoredModel::embedded(const Tensor& ids) const {
  std::vector<Tensor> rows;
  for (std::int64_t i = 0; i < ids.size(0); ++i) rows.push_back(merged(kEmbedding, ids[i].item<std::int64_t>(), 1));
  return torch::cat(rows, 0);
}

model::Layer StoredModel::layer(std::int64_t index) const {
  const std::string name = fmt::format("model.layers.{}.", index);
  model::Layer layer;
  layer.window = spec_.windows.at(static_cast<std::size_t>(index));
  layer.input_norm = plain(name + "input_layernorm.weight");
  layer.post_attention_norm = plain(name + "post_attention_layernorm.weight");
  if (spec_.query_key_norm) {
    layer.query_norm = plain(name + "self_attn.q_norm.weight");
    layer.key_norm = plain(name + "self_attn.k_norm.weight");
  }
  layer.q = linear(name + "self_attn.q_proj");
  layer.k = linear(name + "self_attn.k_proj");
  layer.v = linear(name + "self_attn.v_proj");
  layer.o = linear(name + "self_attn.o_proj");
  layer.gate = linear(name + "mlp.gate_proj");
  layer.up = linear(name + "mlp.up_proj");
  layer.down = linear(name + "mlp.down_proj");
  return layer;
}

Tensor StoredModel::normed(const Tensor& x) const {
  return model::rms_norm(x, plain("model.norm.weight"), spec_.norm_epsilon);
}

Tensor StoredModel::logits(const Tensor& hidden, std::int64_t first, std::int64_t count) const {
  const Parts head = parts(kHead, first, count);
  Tensor result = torch::linear(hidden, head.weight);
  for (const Pair& pair : head.pairs) result += torch::linear(torch::linear(hidden, pair.a), pair.b) * pair.scale;
  return result;
}

}  // namespace lmf::exporter
