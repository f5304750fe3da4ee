#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json.hpp>

#include "model/decoder_spec.hpp"

/// What stands in a model's folder beside the tensors, as transformers writes it; without libtorch.
namespace lmf::model {

inline constexpr const char* kModelWeightsFile = "model.safetensors";
inline constexpr const char* kModelIndexFile = "model.safetensors.index.json";

/// config.json as it was read, with what changed. `dtype`: config.json's name of it, "bfloat16".
nlohmann::json written_config(const DecoderSpec& spec, std::string_view dtype, std::int64_t vocab_size);
/// generation_config.json as it was read, or what transformers derives from config.json when a model has none.
std::string written_generation_config(const DecoderSpec& spec);

/// Which tensors (by position) each weight file gets, greedily in the order given, at most `limit` bytes each. As
/// huggingface_hub splits: a tensor larger than that has a file of its own, before the one that was begun.
std::vector<std::vector<std::size_t>> split_into_shards(std::span<const std::uint64_t> bytes, std::uint64_t limit);
/// "model-00001-of-00002.safetensors" (`position` from 0), or model.safetensors when there is one.
std::string shard_name(std::size_t position, std::size_t count);
/// Whether `name` has the form of a shard's name.
bool is_shard_name(std::string_view name);

}  // namespace lmf::model
