#pragma once

#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include <doctest/doctest.h>
#include <nlohmann/json.hpp>

#include "../config/support.hpp"
#include "model/adapter_config.hpp"
#include "train/shared/inputs.hpp"
#include "train/zero_weights.hpp"

namespace lmf::test {

/// A folder with the demo's model, weights of zeros included.
class Place {
 public:
  Place() {
    std::filesystem::create_directories(model());
    for (const auto& file : std::filesystem::directory_iterator(share() / "models/demo"))
      std::filesystem::copy(file, model());
    write_weights();
  }

  std::filesystem::path model() const { return folder_.path() / "model"; }
  std::filesystem::path path(const std::string& name) const { return folder_.path() / name; }

  void change_config(const std::string& key, const nlohmann::json& value) const {
    nlohmann::json config = nlohmann::json::parse(std::ifstream(model() / "config.json"));
    config[key] = value;
    std::ofstream(model() / "config.json", std::ios::trunc) << config;
  }
  model::DecoderSpec spec() const { return model::DecoderSpec::read(model()); }
  void write_weights() const { write_zeros(model() / "model.safetensors", model::parameter_shapes(spec())); }

  /// An adapter for q_proj with what `change` makes of its configuration and tensors.
  template <class Change>
  std::string adapter(const std::string& name, const Change& change) const {
    std::filesystem::create_directories(path(name));
    nlohmann::json config = model::lora_config_json({}, {"q_proj"});
    std::vector<model::ParameterShape> tensors;
    for (const auto& [linear, shape] : model::linear_shapes(spec())) {
      if (!linear.ends_with("q_proj")) continue;
      tensors.push_back({"base_model.model." + linear + ".lora_A.weight", {8, shape[1]}});
      tensors.push_back({"base_model.model." + linear + ".lora_B.weight", {shape[0], 8}});
    }
    change(config, tensors);
    std::ofstream(path(name) / "adapter_config.json") << config;
    write_zeros(path(name) / "adapter_model.safetensors", tensors);
    return path(name).string();
  }

  /// All problems as lines, without the folder's path and the option's origin.
  std::string problems(std::vector<std::string> more = {}) const {
    for (const std::string& word : {"model_name_or_path=" + model().string(), std::string("template=chatml")})
      more.insert(more.begin(), word);
    const auto read = test::read(more);
    REQUIRE(problems_of(read) == "");
    std::vector<config::Problem> problems;
    train::read_inputs(read.options, share(), problems);
    std::string text;
    for (const config::Problem& problem : problems) text += problem.text + "\n";
    for (const std::string& part : {folder_.path().string() + "/", std::string("command line: ")})
      for (std::size_t at; (at = text.find(part)) != std::string::npos;) text.erase(at, part.size());
    return text;
  }

 private:
  TemporaryFolder folder_;
};

inline void nothing(nlohmann::json&, std::vector<model::ParameterShape>&) {}

}  // namespace lmf::test
