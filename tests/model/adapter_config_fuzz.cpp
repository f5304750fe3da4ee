// adapter_config.json: its keys, and the patterns in it against names that a model has.
#include <cstdint>

#include "lmf/error.hpp"
#include "model/adapter_config.hpp"
#include "support/fuzz_folder.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const lmf::test::FuzzFolder folder("adapter_config.json");
  folder.fill(data, size);
  try {
    const auto config = lmf::model::read_lora_config(folder.file());
    for (const std::string name : {"model.layers.0.self_attn.q_proj", "model.layers.1.mlp.down_proj", "lm_head"}) {
      lmf::model::is_lora_target(config, name, name == "lm_head");
      lmf::model::is_saved_whole(config, name + ".weight");
      lmf::model::rank_of(config, name);
      lmf::model::scale_of(config, name);
    }
    lmf::model::lora_config_json(config, {"q_proj"}).dump();
  } catch (const lmf::Error&) {
  }
  return 0;
}
