#include "merged_weights.hpp"

#include <algorithm>
#include <cmath>
#include <string_view>
#include <utility>

#include <fmt/format.h>

#include "base/pages.hpp"
#include "lmf/error.hpp"
#include "low_rank.hpp"
#include "model/adapter_config.hpp"
#include "model/decoder_shapes.hpp"

namespace lmf::exporter {
namespace {

constexpr std::string_view kHead = "lm_head.weight", kEmbedding = "model.embed_tokens.weight", kWeight = ".weight";

std::string module_of(const std::string& parameter) { return parameter.substr(0, parameter.size() - kWeight.size()); }

std::string adapter_key(std::string_view name) { return model::kAdapterPrefix + std::string(name); }

model::Number number_in(const model::WeightFiles& files, const std::string& name) {
  const std::string& dtype = files.require(name).dtype;
  if (const auto number = model::number_of(dtype)) return *number;
  throw Error(fmt::format("{}: tensor '{}' has dtype {}, and lmf merges F32, F16, BF16 and F64",
                          files.source().string(), name, dtype));
}

std::vector<float> floats_of(const model::WeightFiles& files, const std::string& name) {
  const auto bytes = files.bytes(name).bytes;
  const model::Number number = number_in(files, name);
  std::vector<float> floats(bytes.size() / bytes_of(number));
  to_floats(number, bytes.data(), floats.size(), floats.data());
  release_pages(bytes);
  return floats;
}

/// Each row gets the length (its Euclidean norm) that `lengths` has for it.
void set_lengths(float* rows, std::int64_t count, std::int64_t width, const float* lengths) {
  for (std::int64_t row = 0; row < count; ++row) {
    float* numbers = rows + row * width;
    double squares = 0;
    for (std::int64_t i = 0; i < width; ++i) squares += double(numbers[i]) * numbers[i];
    const float factor = lengths[row] / static_cast<float>(std::sqrt(squares));
    for (std::int64_t i = 0; i < width; ++i) numbers[i] *= factor;
  }
}

/// A view of some of the rows.
std::span<const std::byte> rows_of(std::span<const std::byte> bytes, const MergedTensor& tensor, model::Number number,
                                   std::int64_t first, std::int64_t count) {
  const std::size_t row = static_cast<std::size_t>(tensor.width) * bytes_of(number);
  return bytes.subspan(static_cast<std::size_t>(first) * row, static_cast<std::size_t>(count) * row);
}

}  // namespace

MergedWeights::MergedWeights(model::WeightFiles base, const model::DecoderSpec& spec,
                             std::vector<WeightedAdapter> adapters)
    : base_(std::move(base)), adapters_(std::move(adapters)) {
  for (auto& [name, shape] : model::parameter_shapes(spec)) {
    // A head that an adapter parted from the embedding begins as the embedding.
    std::string source = name == kHead && base_.find(kHead) == nullptr ? std::string(kEmbedding) : name;
    MergedTensor tensor{.name = name, .shape = shape, .stored = number_in(base_, source)};
    tensor.rows = shape.size() > 1 ? shape.front() : 1;
    tensor.width = shape.back();
    changes_.push_back(changes_of(name));
    for (const Change& change : changes_.back()) {  // what cannot be read is said before anything is written
      const auto& files = adapters_[change.adapter].folder.weights;
      if (!change.low_rank) number_in(files, adapter_key(name));
      if (!change.low_rank) continue;
      for (const char* part : {".lora_A.weight", ".lora_B.weight"})
        number_in(files, adapter_key(module_of(name) + part));
      if (adapters_[change.adapter].folder.config.dora)
        number_in(files, adapter_key(module_of(name) + model::kMagnitude));
    }
    tensors_.push_back(std::move(tensor));
    sources_.push_back(std::move(source));
  }
}

std::vector<MergedWeights::Change> MergedWeights::changes_of(const std::string& name) const {
  std::vector<Change> changes;
  for (std::size_t i = 0; i < adapters_.size(); ++i) {
    const auto& folder = adapters_[i].folder;
    const bool low_rank =
        name.ends_with(kWeight) && std::any_of(folder.plan.linears.begin(), folder.plan.linears.end(),
                                               [&](const auto& linear) { return linear.name == module_of(name); });
    if (low_rank) changes.push_back({i, true});
    if (folder.weights.find(adapter_key(name)) != nullptr) changes.push_back({i, false});
  }
  return changes;
}

std::span<const std::byte> MergedWeights::stored_bytes(std::size_t tensor) const {
  return base_.bytes(sources_[tensor]).bytes;
}

MergedWeights::Reader::Reader(const MergedWeights& weights, std::size_t tensor)
    : tensor_(weights.tensors_[tensor]), base_(weights.stored_bytes(tensor)) {
  for (const Change& change : weights.changes_[tensor]) steps_.push_back(step_of(weights, tensor_.name, change));
}

MergedWeights::Reader::Step MergedWeights::Reader::step_of(const MergedWeights& weights, const std::string& name,
                                                           const Change& change) {
  const WeightedAdapter& adapter = weights.adapters_[change.adapter];
  const auto& files = adapter.folder.weights;
  Step step{};
  if (!change.low_rank) {
    const std::string key = adapter_key(name);
    step.whole = {files.bytes(key).bytes, number_in(files, key), static_cast<float>(adapter.weight)};
    return step;
  }
  const std::string module = module_of(name);
  step.pair.a = floats_of(files, adapter_key(module + ".lora_A.weight"));
  step.pair.b = floats_of(files, adapter_key(module + ".lora_B.weight"));
  if (adapter.folder.config.dora) step.pair.magnitude = floats_of(files, adapter_key(module + model::kMagnitude));
  step.pair.rank = model::rank_of(adapter.folder.config, module);
  step.pair.scale = static_cast<float>(model::scale_of(adapter.folder.config, module) * adapter.weight);
  return step;
}

void MergedWeights::Reader::read(std::int64_t first, std::int64_t count, float* out) {
  const auto stored = rows_of(base_, tensor_, tensor_.stored, first, count);
  to_floats(tensor_.stored, stored.data(), static_cast<std::size_t>(count * tensor_.width), out);
  release_pages(stored);
  for (const Step& step : steps_) apply(step, first, count, out);
}

void MergedWeights::Reader::apply(const Step& step, std::int64_t first, std::int64_t count, float* out) {
  const Pair& pair = step.pair;
  if (pair.rank > 0) {
    add_low_rank(out, count, tensor_.width, pair.b.data() + first * pair.rank, pair.a.data(), pair.rank, pair.scale);
    if (!pair.magnitude.empty()) set_lengths(out, count, tensor_.width, pair.magnitude.data() + first);
    return;
  }
  const auto trained = rows_of(step.whole.bytes, tensor_, step.whole.number, first, count);
  const auto numbers = static_cast<std::size_t>(count * tensor_.width);
  if (step.whole.weight == 1.0f) {
    to_floats(step.whole.number, trained.data(), numbers, out);
  } else {
    trained_.resize(numbers);
    to_floats(step.whole.number, trained.data(), numbers, trained_.data());
    for (std::size_t i = 0; i < numbers; ++i) out[i] += step.whole.weight * (trained_[i] - out[i]);
  }
  release_pages(trained);
}

}  // namespace lmf::exporter
