#include "model/saved_model.hpp"

#include <fmt/format.h>

namespace lmf::model {
namespace {

nlohmann::json derived_generation_config(const DecoderSpec& spec) {
  nlohmann::json config = {{"_from_model_config", true}};
  if (spec.bos_id) config["bos_token_id"] = *spec.bos_id;
  if (spec.eos_ids.size() == 1) config["eos_token_id"] = spec.eos_ids.front();
  if (spec.eos_ids.size() > 1) config["eos_token_id"] = spec.eos_ids;
  if (spec.pad_id) config["pad_token_id"] = *spec.pad_id;
  return config;
}

}  // namespace

nlohmann::json written_config(const DecoderSpec& spec, std::string_view dtype, std::int64_t vocab_size) {
  nlohmann::json config = spec.config;
  config["architectures"] = config.value("architectures", nlohmann::json::array({architecture_of(spec)}));
  config[config.contains("torch_dtype") && !config.contains("dtype") ? "torch_dtype" : "dtype"] = dtype;
  config["vocab_size"] = vocab_size;
  return config;
}

std::string written_generation_config(const DecoderSpec& spec) {
  return spec.generation_config.empty() ? derived_generation_config(spec).dump(2) + "\n" : spec.generation_config;
}

std::vector<std::vector<std::size_t>> split_into_shards(std::span<const std::uint64_t> bytes, std::uint64_t limit) {
  std::vector<std::vector<std::size_t>> shards;
  std::vector<std::size_t> begun;
  std::uint64_t begun_bytes = 0;
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    if (bytes[i] > limit) {
      shards.push_back({i});
      continue;
    }
    if (begun_bytes + bytes[i] > limit) {
      shards.push_back(std::move(begun));
      begun.clear();
      begun_bytes = 0;
    }
    begun.push_back(i);
    begun_bytes += bytes[i];
  }
  if (!begun.empty() || shards.empty()) shards.push_back(std::move(begun));
  return shards;
}

std::string shard_name(std::size_t position, std::size_t count) {
  return count == 1 ? kModelWeightsFile : fmt::format("model-{:05}-of-{:05}.safetensors", position + 1, count);
}

bool is_shard_name(std::string_view name) {  // model-00001-of-00002.safetensors
  return name.size() == 32 && name.starts_with("model-") && name.substr(11, 4) == "-of-" &&
         name.ends_with(".safetensors");
}

}  // namespace lmf::model
