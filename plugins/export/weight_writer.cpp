#include "weight_writer.hpp"

#include <algorithm>
#include <string>

#include <nlohmann/json.hpp>

#include "base/files.hpp"
#include "base/pages.hpp"
#include "model/saved_model.hpp"
#include "model/written_header.hpp"

namespace lmf::exporter {
namespace {

constexpr std::int64_t kNumbersAtOnce = 1 << 20;  // 4 MiB of float32

/// safetensors' order within a file: by type (F64, F32, BF16, F16), then by name.
int place_of(model::Number number) {
  switch (number) {
    case model::Number::f64:
      return 0;
    case model::Number::f32:
      return 1;
    case model::Number::bf16:
      return 2;
    case model::Number::f16:
      return 3;
  }
  return 4;
}

class ShardWriter {
 public:
  ShardWriter(const MergedWeights& weights, const WeightPlan& plan, const Wrote& wrote)
      : weights_(weights), plan_(plan), wrote_(wrote) {}

  void write(const std::filesystem::path& path, std::vector<std::size_t> tensors) {
    std::sort(tensors.begin(), tensors.end(), [this](std::size_t a, std::size_t b) {
      const int left = place_of(plan_.numbers[a]), right = place_of(plan_.numbers[b]);
      return left != right ? left < right : weights_.tensors()[a].name < weights_.tensors()[b].name;
    });
    AtomicFile file(path);
    file.write(header(tensors));
    for (const std::size_t tensor : tensors) {
      if (!weights_.is_changed(tensor) && weights_.tensors()[tensor].stored == plan_.numbers[tensor])
        copy(tensor, file);
      else
        compute(tensor, file);
    }
    file.commit();
  }

 private:
  std::string header(const std::vector<std::size_t>& tensors) const {
    std::vector<model::WrittenTensor> written;
    for (const std::size_t i : tensors) {
      const MergedTensor& tensor = weights_.tensors()[i];
      const model::Number number = plan_.numbers[i];
      written.push_back(
          {tensor.name, std::string(safetensors_name(number)), tensor.shape, tensor.count() * bytes_of(number)});
    }
    return model::written_header(written);
  }

  void copy(std::size_t tensor, AtomicFile& file) const {
    constexpr std::size_t kAtOnce = kNumbersAtOnce * sizeof(float);
    auto bytes = weights_.stored_bytes(tensor);
    while (!bytes.empty()) {
      const auto part = bytes.first(std::min(bytes.size(), kAtOnce));
      file.write(part.data(), part.size());
      release_pages(part);
      wrote_(part.size());
      bytes = bytes.subspan(part.size());
    }
  }

  void compute(std::size_t index, AtomicFile& file) {
    const MergedTensor& tensor = weights_.tensors()[index];
    const model::Number number = plan_.numbers[index];
    MergedWeights::Reader reader(weights_, index);
    const std::int64_t at_once = rows_at_once(tensor);
    for (std::int64_t first = 0; first < tensor.rows; first += at_once) {
      const std::int64_t count = std::min(at_once, tensor.rows - first);
      const auto numbers = static_cast<std::size_t>(count * tensor.width);
      floats_.resize(numbers);
      reader.read(first, count, floats_.data());
      if (number != model::Number::f32) {
        bytes_.resize(numbers * bytes_of(number));
        from_floats(number, floats_.data(), numbers, bytes_.data());
      }
      const void* data = number == model::Number::f32 ? static_cast<const void*>(floats_.data()) : bytes_.data();
      file.write(data, numbers * bytes_of(number));
      wrote_(numbers * bytes_of(number));
    }
  }

  const MergedWeights& weights_;
  const WeightPlan& plan_;
  const Wrote& wrote_;
  std::vector<float> floats_;
  std::vector<std::byte> bytes_;
};

}  // namespace

std::int64_t rows_at_once(const MergedTensor& tensor) {
  return std::max<std::int64_t>(1, kNumbersAtOnce / std::max<std::int64_t>(1, tensor.width));
}

WeightPlan plan_weights(const MergedWeights& weights, std::optional<model::Number> wanted, std::uint64_t shard_bytes) {
  WeightPlan plan;
  std::vector<std::uint64_t> sizes;
  for (const MergedTensor& tensor : weights.tensors()) {
    plan.numbers.push_back(wanted.value_or(tensor.stored));
    sizes.push_back(tensor.count() * bytes_of(plan.numbers.back()));
    plan.bytes += sizes.back();
    plan.parameters += tensor.count();
  }
  plan.shards = model::split_into_shards(sizes, shard_bytes);
  return plan;
}

void write_weights(const MergedWeights& weights, const WeightPlan& plan, const std::filesystem::path& folder,
                   const Wrote& wrote) {
  nlohmann::json index = {{"metadata", {{"total_parameters", plan.parameters}, {"total_size", plan.bytes}}},
                          {"weight_map", nlohmann::json::object()}};
  ShardWriter writer(weights, plan, wrote);
  for (std::size_t i = 0; i < plan.shards.size(); ++i) {
    const std::string name = model::shard_name(i, plan.shards.size());
    writer.write(folder / name, plan.shards[i]);
    for (const std::size_t tensor : plan.shards[i]) index["weight_map"][weights.tensors()[tensor].name] = name;
  }
  if (plan.shards.size() > 1) write_file_atomically(folder / model::kModelIndexFile, index.dump(2) + "\n");
}

}  // namespace lmf::exporter
