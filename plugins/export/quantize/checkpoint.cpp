#include "quantize/checkpoint.hpp"

#include <algorithm>
#include <span>
#include <utility>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "base/pages.hpp"
#include "lmf/error.hpp"
#include "model/decoder_shapes.hpp"
#include "model/saved_model.hpp"
#include "linears.hpp"

namespace lmf::exporter {

struct Checkpoint::Shard {
  std::vector<std::size_t> entries;
  std::size_t written = 0;
  std::unique_ptr<AtomicFile> file;
};

Checkpoint::~Checkpoint() = default;

Checkpoint::Checkpoint(const model::WeightFiles& model, const model::DecoderSpec& spec, const Rounding& rounding,
                       std::filesystem::path folder, std::uint64_t shard_bytes)
    : model_(model), folder_(std::move(folder)) {
  const auto linears = quantized_linears(spec);
  for (const auto& [name, shape] : model::parameter_shapes(spec)) {
    const std::string module = name.substr(0, name.rfind('.'));
    if (!name.ends_with(".weight") || !linears.contains(module)) {
      const auto& stored = model.require(name);
      entries_.push_back({{name, stored.dtype, stored.shape, stored.end - stored.begin}, false});
      continue;
    }
    const std::int64_t out = shape[0], in = shape[1], groups = in / rounding.columns_of(in), bits = rounding.bits;
    const auto add = [&](const char* part, const char* dtype, std::vector<std::int64_t> part_shape,
                         std::uint64_t element) {
      std::uint64_t bytes = element;
      for (const auto side : part_shape) bytes *= static_cast<std::uint64_t>(side);
      entries_.push_back({{module + part, dtype, std::move(part_shape), bytes}, true});
    };
    add(".qweight", "I32", {in * bits / 32, out}, 4);
    add(".qzeros", "I32", {groups, out * bits / 32}, 4);
    add(".scales", "F16", {groups, out}, 2);
    add(".g_idx", "I32", {in}, 4);
  }
  std::vector<std::uint64_t> sizes;
  for (const Entry& entry : entries_) sizes.push_back(entry.tensor.bytes);
  for (auto& shard : model::split_into_shards(sizes, shard_bytes)) {
    std::sort(shard.begin(), shard.end());
    for (const std::size_t i : shard) entries_[i].shard = shards_.size();
    shards_.push_back({std::move(shard), 0, nullptr});
  }
}

std::uint64_t Checkpoint::bytes() const {
  std::uint64_t bytes = 0;
  for (const Entry& entry : entries_) bytes += entry.tensor.bytes;
  return bytes;
}

AtomicFile& Checkpoint::file_of(std::size_t index) {
  Shard& shard = shards_[index];
  if (!shard.file) {
    std::vector<model::WrittenTensor> tensors;
    for (const std::size_t i : shard.entries) tensors.push_back(entries_[i].tensor);
    shard.file = std::make_unique<AtomicFile>(folder_ / model::shard_name(index, shards_.size()));
    shard.file->write(model::written_header(tensors));
  }
  return *shard.file;
}

void Checkpoint::copy(const Entry& entry, AtomicFile& file) const {
  constexpr std::size_t kAtOnce = std::size_t{4} << 20;
  auto bytes = std::span(model_.bytes(entry.tensor.name).bytes);
  while (!bytes.empty()) {
    const auto part = bytes.first(std::min(bytes.size(), kAtOnce));
    file.write(part.data(), part.size());
    release_pages(part);
    bytes = bytes.subspan(part.size());
  }
}

void Checkpoint::write(const Tensors& packed) {
  for (; next_ < entries_.size(); ++next_) {
    const Entry& entry = entries_[next_];
    const auto found = packed.find(entry.tensor.name);
    if (entry.packed && found == packed.end()) return;
    AtomicFile& file = file_of(entry.shard);
    if (entry.packed) {
      const torch::Tensor tensor = found->second.contiguous();
      if (tensor.nbytes() != entry.tensor.bytes)
        throw Error(
            fmt::format("'{}' has {} bytes, planned were {}", entry.tensor.name, tensor.nbytes(), entry.tensor.bytes),
            {}, kExitInternal);
      file.write(tensor.data_ptr(), tensor.nbytes());
    } else {
      copy(entry, file);
    }
    Shard& shard = shards_[entry.shard];
    if (++shard.written == shard.entries.size()) {
      file.commit();
      shard.file.reset();
    }
  }
}

void Checkpoint::finish() {
  write({});
  if (next_ < entries_.size())
    throw Error(fmt::format("'{}' was not quantised", entries_[next_].tensor.name), {}, kExitInternal);
  if (shards_.size() == 1) return;
  nlohmann::json index = {{"metadata", {{"total_size", bytes()}}}, {"weight_map", nlohmann::json::object()}};
  for (const Entry& entry : entries_)
    index["weight_map"][entry.tensor.name] = model::shard_name(entry.shard, shards_.size());
  write_file_atomically(folder_ / model::kModelIndexFile, index.dump(2) + "\n");
}

}  // namespace lmf::exporter
