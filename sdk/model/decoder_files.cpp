// A decoder's folder: reading weights into it, writing it as transformers reads it.
#include <algorithm>
#include <set>

#include <torch/utils.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include "base/files.hpp"
#include "base/log.hpp"
#include "lmf/error.hpp"
#include "model/decoder.hpp"
#include "model/decoder_shapes.hpp"
#include "model/dtype.hpp"
#include "model/safetensors.hpp"

namespace lmf::model {
namespace {

namespace fs = std::filesystem;
using NamedTensors = std::vector<std::pair<std::string, torch::Tensor>>;

/// The dtype of the parameters when the caller does not say: config.json's, or that of the file when it says nothing.
torch::Dtype checkpoint_dtype(const DecoderSpec& spec, const Weights& weights) {
  if (!spec.config.contains("dtype") && !spec.config.contains("torch_dtype"))
    return weights.tensor("model.embed_tokens.weight").scalar_type();
  return weight_dtype(spec.dtype).value_or(torch::kFloat32);
}

/// Tensors that nothing reads are said once: a wrong config.json shows here.
void report_unused(const Weights& weights, const std::vector<ParameterShape>& shapes, const fs::path& directory) {
  std::set<std::string> used{"lm_head.weight"};
  for (const auto& shape : shapes) used.insert(shape.name);
  std::vector<std::string> unused;
  for (const auto& name : weights.files().names())
    if (!used.contains(name) && !name.ends_with("rotary_emb.inv_freq")) unused.push_back(name);
  if (unused.empty()) return;
  log::warn(
      "{}: {} tensors of the file are not part of the model that config.json describes and are left out, for example "
      "{}",
      directory.string(), unused.size(), unused.front());
}

/// Parameters in groups of at most `limit` bytes; a larger parameter has a group of its own.
std::vector<NamedTensors> split_into_shards(const NamedTensors& tensors, std::uint64_t limit) {
  std::vector<NamedTensors> shards(1);
  std::uint64_t bytes = 0;
  for (const auto& tensor : tensors) {
    if (!shards.back().empty() && bytes + tensor.second.nbytes() > limit) {
      shards.emplace_back();
      bytes = 0;
    }
    bytes += tensor.second.nbytes();
    shards.back().push_back(tensor);
  }
  return shards;
}

bool is_shard_name(const std::string& name) {  // model-00001-of-00002.safetensors
  return name.size() == 32 && name.starts_with("model-") && name.substr(11, 4) == "-of-" &&
         name.ends_with(".safetensors");
}

/// Removes weights of an earlier save that `written` does not replace: a reader would find two models.
void remove_stale_weights(const fs::path& directory, const std::set<std::string>& written) {
  std::vector<fs::path> stale;
  for (const auto& entry : fs::directory_iterator(directory)) {
    const std::string name = entry.path().filename().string();
    const bool ours = name == "model.safetensors" || name == "model.safetensors.index.json" || is_shard_name(name);
    if (ours && !written.contains(name)) stale.push_back(entry.path());
  }
  for (const auto& path : stale) fs::remove(path);
}

void save_weights(const fs::path& directory, const NamedTensors& tensors, std::uint64_t limit) {
  const auto shards = split_into_shards(tensors, limit);
  if (shards.size() == 1) {
    write_safetensors(directory / "model.safetensors", tensors);
    remove_stale_weights(directory, {"model.safetensors"});
    return;
  }
  nlohmann::json index = {{"metadata", {{"total_parameters", 0}, {"total_size", 0}}},
                          {"weight_map", nlohmann::json::object()}};
  std::set<std::string> written{"model.safetensors.index.json"};
  std::int64_t total_parameters = 0;
  std::uint64_t total_bytes = 0;
  for (std::size_t i = 0; i < shards.size(); ++i) {
    const std::string file = fmt::format("model-{:05}-of-{:05}.safetensors", i + 1, shards.size());
    write_safetensors(directory / file, shards[i]);
    written.insert(file);
    for (const auto& [name, tensor] : shards[i]) {
      index["weight_map"][name] = file;
      total_parameters += tensor.numel();
      total_bytes += tensor.nbytes();
    }
  }
  index["metadata"] = {{"total_parameters", total_parameters}, {"total_size", total_bytes}};
  write_file_atomically(directory / "model.safetensors.index.json", index.dump(2) + "\n");
  remove_stale_weights(directory, written);
}

/// config.json as it was read, with what changed.
nlohmann::json changed_config(const DecoderSpec& spec, const Decoder& decoder) {
  nlohmann::json config = spec.config;
  config["architectures"] = config.value("architectures", nlohmann::json::array({architecture_of(spec)}));
  config[config.contains("torch_dtype") && !config.contains("dtype") ? "torch_dtype" : "dtype"] =
      dtype_name(decoder.dtype());
  config["vocab_size"] = decoder.embedding.size(0);
  return config;
}

/// What transformers derives from config.json when a model has no generation_config.json.
nlohmann::json derived_generation_config(const DecoderSpec& spec) {
  nlohmann::json config = {{"_from_model_config", true}};
  if (spec.bos_id) config["bos_token_id"] = *spec.bos_id;
  if (spec.eos_ids.size() == 1) config["eos_token_id"] = spec.eos_ids.front();
  if (spec.eos_ids.size() > 1) config["eos_token_id"] = spec.eos_ids;
  if (spec.pad_id) config["pad_token_id"] = *spec.pad_id;
  return config;
}

}  // namespace

Decoder Decoder::load(const fs::path& model_directory, std::optional<torch::Dtype> dtype, torch::Device device) {
  Decoder decoder(DecoderSpec::read(model_directory));
  const torch::NoGradGuard no_grad;
  const Weights weights = Weights::open_model(model_directory);
  require_parameters(weights.files(), decoder.spec_);
  const torch::Dtype target = dtype.value_or(checkpoint_dtype(decoder.spec_, weights));
  const auto shapes = parameter_shapes(decoder.spec_);
  const auto slots = decoder.slots();
  for (std::size_t i = 0; i < shapes.size(); ++i)
    *slots[i].second = weights.tensor(shapes[i].name).to(device, target, /*non_blocking=*/false, /*copy=*/true);
  decoder.retie();
  report_unused(weights, shapes, model_directory);
  return decoder;
}

void Decoder::save(const fs::path& directory, std::uint64_t shard_bytes) const {
  fs::create_directories(directory);
  save_weights(directory, parameters(), shard_bytes);
  const std::string generation =
      spec_.generation_config.empty() ? derived_generation_config(spec_).dump(2) + "\n" : spec_.generation_config;
  write_file_atomically(directory / "generation_config.json", generation);
  write_file_atomically(directory / "config.json", changed_config(spec_, *this).dump(2) + "\n");
}

}  // namespace lmf::model
