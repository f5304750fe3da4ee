#pragma once

#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <vector>

#include <torch/utils.h>
#include <fmt/format.h>

#include "data/token_store.hpp"
#include "model/adapter.hpp"
#include "model/decoder.hpp"
#include "support/det_init.hpp"
#include "train/fixture.hpp"
#include "train/worker/trainer.hpp"

namespace lmf::test {

/// The parts of a history that do not depend on the clock.
inline std::vector<nlohmann::json> without_time(std::vector<nlohmann::json> history) {
  for (nlohmann::json& entry : history) {
    for (const char* key : {"train_runtime", "train_tokens_per_second"}) entry.erase(key);
  }
  return history;
}

/// The tiny model, the thirteen examples and the options of make.py's runs, in a folder of their own.
class TinyRun {
 public:
  explicit TinyRun(bool tied = false) : fixture_(train_fixture("trajectories.json")) {
    torch::set_num_threads(1);
    write_model(tied);
    write_store();
    options.model_name_or_path = model().string();
    options.output_dir = folder_.path() / "out";
    options.use_cpu = true;
    options.shuffle = false;
    options.method = train::Method::full;
    options.batch_size = 2;
    options.logging_steps = 1;
    options.save_strategy = train::SaveStrategy::no;
    options.counted_tokens = train::CountedTokens::all;
  }

  std::filesystem::path model() const { return folder_.path() / "model"; }
  std::filesystem::path adapter() const { return folder_.path() / "adapter"; }
  const std::filesystem::path& folder() const { return folder_.path(); }
  const nlohmann::json& fixture() const { return fixture_; }
  data::TokenStore store() const { return data::TokenStore::open(folder_.path() / "examples.store"); }

  /// An adapter whose A follow the formula and whose B are zero.
  void write_adapter(const model::LoraConfig& config) const {
    auto decoder = model::Decoder::load(model(), torch::kFloat32);
    model::attach_lora(decoder, config, 1);
    det_init_adapter(decoder, config);
    std::filesystem::create_directories(adapter());
    model::save_adapter(decoder, config, adapter());
  }

  /// A whole run; its log history without the summary.
  std::vector<nlohmann::json> losses() { return train(options).log_history; }
  train::TrainerState train(const train::TrainOptions& with) {
    auto trainee = train::Trainee::make(with, torch::kCPU);
    const auto examples = store();
    train::Trainer trainer(with, trainee, examples, [](const auto&) {});
    status = trainer.run();
    train::TrainerState state = trainer.state();
    metrics = trainer.metrics();
    if (status == 0) state.log_history.pop_back();
    return state;
  }

  train::TrainOptions options;
  nlohmann::json metrics;
  int status = -1;

 private:
  void write_model(bool tied) {
    std::filesystem::create_directories(model());
    nlohmann::json config = fixture_["config"];
    config["model_type"] = "llama";
    config["architectures"] = {"LlamaForCausalLM"};
    config["hidden_act"] = "silu";
    config["tie_word_embeddings"] = tied;
    config["dtype"] = "float32";
    std::ofstream(model() / "config.json") << config;
    auto decoder = model::Decoder::random(model::DecoderSpec::read(model()), 1);
    det_init(decoder);
    decoder.save(model());
  }

  void write_store() {
    data::TokenStoreWriter writer(folder_.path() / "examples.store", fixture_["config"]["vocab_size"],
                                  {"examples.json"});
    std::uint64_t line = 0;
    for (const auto& example : fixture_["examples"]) {
      const auto ids = example["ids"].get<std::vector<std::int32_t>>(),
                 labels = example["labels"].get<std::vector<std::int32_t>>();
      ++line;
      writer.add({ids, labels}, 0, line, line);
    }
    writer.finish("{}");
  }

  TemporaryFolder folder_;
  nlohmann::json fixture_;
};

}  // namespace lmf::test
