#include "model/weight_files.hpp"

#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <nlohmann/json.hpp>

#include "base/files.hpp"
#include "base/json.hpp"
#include "lmf/error.hpp"

namespace lmf::model {
namespace {

using nlohmann::json;

constexpr const char* kSingleFile = "model.safetensors";
constexpr const char* kIndexFile = "model.safetensors.index.json";
constexpr std::uint64_t kMaximumIndexBytes = 100'000'000;
constexpr const char* kNotTogether = "config.json and the weights may not belong together";

/// The index's weight_map: tensor to file name.
std::map<std::string, std::string> read_weight_map(const std::filesystem::path& index) {
  const std::string hint = "copy or download the file again";
  const json parsed = parse_json(read_file(index, kMaximumIndexBytes), index.string(), hint);
  if (!parsed.is_object() || !parsed.contains("weight_map") || !parsed["weight_map"].is_object())
    throw Error(fmt::format("{} has no weight_map", index.string()), hint);
  std::map<std::string, std::string> files;
  for (const auto& [name, file] : parsed["weight_map"].items()) {
    if (!file.is_string()) throw Error(fmt::format("{}: the file of tensor '{}' is not text", index.string(), name));
    const std::filesystem::path path = file.get<std::string>();
    if (path.empty() || path != path.filename() || path == "." || path == "..")
      throw Error(fmt::format("{}: the file '{}' of tensor '{}' is not a plain name in the same folder", index.string(),
                              path.string(), name));
    files.emplace(name, path.string());
  }
  return files;
}

[[noreturn]] void no_weights(const std::filesystem::path& directory) {
  if (std::filesystem::exists(directory / "pytorch_model.bin") ||
      std::filesystem::exists(directory / "pytorch_model.bin.index.json"))
    throw Error(
        fmt::format("{} has its weights as pytorch_model.bin, a pickle, which lmf does not read", directory.string()),
        "save the model once with transformers' save_pretrained(), which writes model.safetensors");
  throw Error(fmt::format("{} has neither {} nor {}", directory.string(), kSingleFile, kIndexFile),
              "is this the folder of a whole model?");
}

}  // namespace

struct WeightFiles::Shard {
  explicit Shard(const std::filesystem::path& file) : map(file), header(parse_safetensors_header(map.bytes(), file)) {}
  MappedFile map;
  SafetensorsHeader header;
};

WeightFiles WeightFiles::open_file(const std::filesystem::path& file) {
  WeightFiles result;
  result.source_ = file;
  const auto shard = std::make_shared<const Shard>(file);
  for (const auto& [name, entry] : shard->header.tensors) result.tensors_.emplace(name, Place{shard, &entry});
  result.metadata_ = shard->header.metadata;
  return result;
}

WeightFiles WeightFiles::open_model(const std::filesystem::path& directory) {
  if (std::filesystem::exists(directory / kSingleFile)) return open_file(directory / kSingleFile);
  WeightFiles result;
  result.source_ = directory / kIndexFile;
  if (!std::filesystem::exists(result.source_)) no_weights(directory);
  std::map<std::string, std::shared_ptr<const Shard>> shards;
  for (const auto& [name, file] : read_weight_map(result.source_)) {
    auto& shard = shards[file];
    if (!shard) shard = std::make_shared<const Shard>(directory / file);
    const auto entry = shard->header.tensors.find(name);
    if (entry == shard->header.tensors.end())
      throw Error(fmt::format("{} says that tensor '{}' is in {}, but it is not", result.source_.string(), name, file),
                  "index and files do not belong together; copy or download the model again");
    result.tensors_.emplace(name, Place{shard, &entry->second});
  }
  if (!shards.empty()) result.metadata_ = shards.begin()->second->header.metadata;
  return result;
}

const TensorEntry* WeightFiles::find(std::string_view name) const {
  const auto found = tensors_.find(name);
  return found == tensors_.end() ? nullptr : found->second.entry;
}

const WeightFiles::Place& WeightFiles::place(std::string_view name) const {
  const auto found = tensors_.find(name);
  if (found == tensors_.end()) throw Error(fmt::format("{} has no tensor '{}'", source_.string(), name), kNotTogether);
  return found->second;
}

const TensorEntry& WeightFiles::require(std::string_view name) const { return *place(name).entry; }

const TensorEntry& WeightFiles::require(std::string_view name, const std::vector<std::int64_t>& shape) const {
  const TensorEntry& entry = require(name);
  if (entry.shape != shape)
    throw Error(fmt::format("{}: tensor '{}' has shape [{}], expected [{}]", source_.string(), name,
                            fmt::join(entry.shape, ", "), fmt::join(shape, ", ")),
                kNotTogether);
  return entry;
}

std::vector<std::string> WeightFiles::names() const {
  std::vector<std::string> names;
  for (const auto& [name, place] : tensors_) names.push_back(name);
  return names;
}

WeightFiles::Bytes WeightFiles::bytes(std::string_view name) const {
  const auto& [shard, entry] = place(name);
  return {shard->map.bytes().subspan(entry->begin, entry->end - entry->begin), shard};
}

bool is_weight_dtype(std::string_view dtype) { return dtype == "F32" || dtype == "F16" || dtype == "BF16"; }

}  // namespace lmf::model
