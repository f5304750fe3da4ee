#pragma once

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "base/files.hpp"
#include "model/adapter_config.hpp"
#include "model/adapter_folder.hpp"
#include "model/decoder_shapes.hpp"
#include "model/numbers.hpp"
#include "support/places.hpp"

namespace lmf::test {

/// A safetensors file of tensors with small numbers, a function of name and position.
inline void write_tensors(const std::filesystem::path& file, const std::vector<model::ParameterShape>& tensors,
                          model::Number number = model::Number::f32) {
  nlohmann::ordered_json header = {{"__metadata__", {{"format", "pt"}}}};
  std::string data;
  for (const auto& [name, shape] : tensors) {
    const std::size_t begin = data.size();
    std::size_t count = 1;
    for (const auto side : shape) count *= static_cast<std::size_t>(side);
    std::uint64_t state = std::hash<std::string>{}(name);
    for (std::size_t i = 0; i < count; ++i) {
      state = state * 6364136223846793005u + 1442695040888963407u;
      const float value = (static_cast<float>(state >> 40) * 0x1p-24f - 0.5f) * 0.4f;
      data.resize(data.size() + bytes_of(number));
      from_floats(number, &value, 1, reinterpret_cast<std::byte*>(data.data() + data.size()) - bytes_of(number));
    }
    header[name] = {{"dtype", safetensors_name(number)}, {"shape", shape}, {"data_offsets", {begin, data.size()}}};
  }
  std::string text = header.dump(), length(8, '\0');
  text.append((8 - text.size() % 8) % 8, ' ');
  for (std::size_t i = 0; i < 8; ++i) length[i] = static_cast<char>((text.size() >> (8 * i)) & 0xff);
  write_file_atomically(file, length + text + data);
}

/// The demo's model (tokenizer, shape) with weights; `changes` replace keys of config.json.
inline void write_small_model(const std::filesystem::path& folder, const nlohmann::json& changes = {},
                              model::Number number = model::Number::f32) {
  std::filesystem::create_directories(folder);
  for (const char* file : {"tokenizer.json", "tokenizer_config.json"})
    std::filesystem::copy_file(share() / "models/demo" / file, folder / file);
  auto config = nlohmann::json::parse(read_file(share() / "models/demo/config.json"));
  if (!changes.is_null()) config.update(changes);
  write_file_atomically(folder / "config.json", config.dump());
  write_tensors(folder / "model.safetensors", model::parameter_shapes(model::DecoderSpec::read(folder)), number);
}

/// An adapter for it on q_proj and v_proj.
inline void write_small_adapter(const std::filesystem::path& folder, const std::filesystem::path& base,
                                model::LoraConfig config = {}) {
  std::filesystem::create_directories(folder);
  const auto spec = model::DecoderSpec::read(base);
  config.base_model = base;
  if (config.targets.empty()) config.targets = {"q_proj", "v_proj"};
  std::vector<model::ParameterShape> tensors;
  for (const auto& linear : model::linear_shapes(spec)) {
    if (!model::is_lora_target(config, linear.name, linear.name == "lm_head")) continue;
    tensors.push_back({model::kAdapterPrefix + linear.name + ".lora_A.weight", {config.rank, linear.shape[1]}});
    tensors.push_back({model::kAdapterPrefix + linear.name + ".lora_B.weight", {linear.shape[0], config.rank}});
    if (config.dora) tensors.push_back({model::kAdapterPrefix + linear.name + model::kMagnitude, {linear.shape[0]}});
  }
  for (const auto& saved : config.modules_to_save)
    for (const auto& [name, shape] : model::parameter_shapes(spec))
      if (name.ends_with(saved + ".weight")) tensors.push_back({model::kAdapterPrefix + name, shape});
  write_tensors(folder / "adapter_model.safetensors", tensors);
  write_file_atomically(folder / "adapter_config.json", model::lora_config_json(config, config.targets).dump(2));
}

}  // namespace lmf::test
