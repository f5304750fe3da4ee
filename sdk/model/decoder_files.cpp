// A decoder's folder: reading weights into it, writing it as transformers reads it.
#include <algorithm>
#include <map>
#include <memory>
#include <set>
#include <utility>

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
#include "model/saved_model.hpp"

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

/// The tensors that stand for a linear's weight, and the bias of zeros that older versions of AutoGPTQ give to every
/// one.
std::set<std::string> gptq_parts(const Weights& weights, const std::string& name) {
  const auto names = gptq_names(name);
  std::set<std::string> parts(names.begin(), names.end());
  const std::string bias = name.substr(0, name.rfind('.')) + ".bias";
  if (weights.files().find(bias) != nullptr && !weights.tensor(bias).any().item<bool>()) parts.insert(bias);
  return parts;
}

/// Tensors that nothing reads are said once: a wrong config.json shows here.
void report_unused(const Weights& weights, const std::vector<ParameterShape>& shapes, const fs::path& directory) {
  std::set<std::string> used{"lm_head.weight"};
  for (const auto& shape : shapes) {
    used.insert(shape.name);
    if (is_gptq(weights.files(), shape.name)) used.merge(gptq_parts(weights, shape.name));
  }
  std::vector<std::string> unused;
  for (const auto& name : weights.files().names())
    if (!used.contains(name) && !name.ends_with("rotary_emb.inv_freq")) unused.push_back(name);
  if (unused.empty()) return;
  log::warn(
      "{}: {} tensors of the file are not part of the model that config.json describes and are left out, for example "
      "{}",
      directory.string(), unused.size(), unused.front());
}

/// Removes weights of an earlier save that `written` does not replace: a reader would find two models.
void remove_stale_weights(const fs::path& directory, const std::set<std::string>& written) {
  std::vector<fs::path> stale;
  for (const auto& entry : fs::directory_iterator(directory)) {
    const std::string name = entry.path().filename().string();
    const bool ours = name == kModelWeightsFile || name == kModelIndexFile || is_shard_name(name);
    if (ours && !written.contains(name)) stale.push_back(entry.path());
  }
  for (const auto& path : stale) fs::remove(path);
}

void save_weights(const fs::path& directory, const NamedTensors& tensors, std::uint64_t limit) {
  nlohmann::json weight_map = nlohmann::json::object();
  std::vector<std::uint64_t> sizes;
  std::int64_t total_parameters = 0;
  std::uint64_t total_bytes = 0;
  for (const auto& [name, tensor] : tensors) {
    sizes.push_back(tensor.nbytes());
    total_parameters += tensor.numel();
    total_bytes += tensor.nbytes();
  }
  std::set<std::string> written;
  const auto shards = split_into_shards(sizes, limit);
  for (std::size_t i = 0; i < shards.size(); ++i) {
    const std::string file = shard_name(i, shards.size());
    NamedTensors shard;
    for (const std::size_t tensor : shards[i]) {
      shard.push_back(tensors[tensor]);
      weight_map[tensors[tensor].first] = file;
    }
    write_safetensors(directory / file, shard);
    written.insert(file);
  }
  if (shards.size() > 1) {
    const nlohmann::json index = {{"metadata", {{"total_parameters", total_parameters}, {"total_size", total_bytes}}},
                                  {"weight_map", weight_map}};
    write_file_atomically(directory / kModelIndexFile, index.dump(2) + "\n");
    written.insert(kModelIndexFile);
  }
  remove_stale_weights(directory, written);
}

}  // namespace

Decoder Decoder::load(const fs::path& model_directory, std::optional<torch::Dtype> dtype, torch::Device device,
                      bool mapped) {
  Decoder decoder(DecoderSpec::read(model_directory, Quantized::gptq));
  const torch::NoGradGuard no_grad;
  const Weights weights = Weights::open_model(model_directory);
  require_parameters(weights.files(), decoder.spec_);
  const torch::Dtype target = dtype.value_or(checkpoint_dtype(decoder.spec_, weights));
  const auto shapes = parameter_shapes(decoder.spec_);
  const auto slots = decoder.slots();
  std::map<std::string, Linear*> linears;
  for (Linear* linear : decoder.linears()) linears.emplace(linear->name + ".weight", linear);
  for (std::size_t i = 0; i < shapes.size(); ++i) {
    const auto& [name, shape] = shapes[i];
    if (!decoder.spec_.gptq || !is_gptq(weights.files(), name)) {
      *slots[i].second = weights.tensor(name).to(device, target, /*non_blocking=*/false, /*copy=*/!mapped);
      continue;
    }
    auto packed = GptqWeight::open(weights, name, shape, *decoder.spec_.gptq);
    if (mapped && device.is_cpu())
      linears.at(name)->packed = std::make_shared<const GptqWeight>(std::move(packed));
    else
      *slots[i].second = packed.dequantized().to(device, target);
  }
  decoder.retie();
  report_unused(weights, shapes, model_directory);
  return decoder;
}

void Decoder::save(const fs::path& directory, std::uint64_t shard_bytes) const {
  fs::create_directories(directory);
  save_weights(directory, parameters(), shard_bytes);
  write_file_atomically(directory / "generation_config.json", written_generation_config(spec_));
  write_file_atomically(directory / "config.json",
                        written_config(spec_, dtype_name(dtype()), embedding.size(0)).dump(2) + "\n");
}

}  // namespace lmf::model
