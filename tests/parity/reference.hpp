#pragma once

#include <fstream>
#include <string>

#include <nlohmann/json.hpp>

#include "model/decoder.hpp"
#include "support/det_init.hpp"
#include "support/places.hpp"

namespace lmf::test {

/// A JSON file of the reference numbers: "parity/forward_tiny-llama.json".
inline nlohmann::json reference(const std::string& name) {
  return nlohmann::json::parse(std::ifstream(*shared_directory() / name));
}

/// A model of parity/models.json with the weights that its name and the formula give it.
inline model::Decoder reference_model(const std::string& name) {
  const TemporaryFolder folder;
  std::ofstream(folder.path() / "config.json") << reference("parity/models.json")[name]["config"].dump();
  model::Decoder decoder = model::Decoder::random(model::DecoderSpec::read(folder.path()), 0);
  det_init(decoder);
  return decoder;
}

}  // namespace lmf::test
