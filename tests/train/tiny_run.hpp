#pragma once

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <torch/utils.h>
#include <fmt/format.h>

#include "data/token_store.hpp"
#include "model/adapter.hpp"
#include "model/decoder.hpp"
#include "model/safetensors.hpp"
#include "support/det_init.hpp"
#include "train/fixture.hpp"
#include "train/worker/trainer.hpp"

namespace lmf::test {

/// The parts of a history that do not depend on the clock.
inline std::vector<nlohmann::json> without_time(std::vector<nlohmann::json> history) {
  for (nlohmann::json& entry : history) {
    for (const char* key : {"train_runtime", "train_tokens_per_second", "eval_runtime", "eval_samples_per_second",
                            "eval_steps_per_second"})
      entry.erase(key);
  }
  return history;
}

/// Whether two safetensors files hold the same tensors.
inline bool same_tensors(const std::filesystem::path& a, const std::filesystem::path& b) {
  const auto first = model::Weights::open_file(a), second = model::Weights::open_file(b);
  const auto names = first.files().names();
  return names == second.files().names() && std::all_of(names.begin(), names.end(), [&](const std::string& name) {
           return torch::equal(first.tensor(name), second.tensor(name));
         });
}

/// The tiny model, the thirteen examples and the options of make.py's runs, in a folder of their own.
class TinyRun {
 public:
  explicit TinyRun(bool tied = false) : fixture_(train_fixture("trajectories.json")) {
    torch::set_num_threads(1);
    write_model(tied);
    write_store("examples.store", fixture_["examples"]);
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
    std::optional<train::Evaluations> evaluations;
    if (evaluates)
      evaluations.emplace(with.evaluation, evaluation_sets(), trainee.decoder(), train::ProcessGroup::alone());
    train::Trainer trainer(
        with, trainee, examples, [](const auto&) {}, train::ProcessGroup::alone(),
        evaluations ? &*evaluations : nullptr);
    status = trainer.run();
    if (status == 0 && evaluations && with.evaluation.at_end) result = trainer.evaluate_result();
    train::TrainerState state = trainer.state();
    metrics = trainer.metrics();
    if (status == 0) state.log_history.pop_back();
    return state;
  }

  /// The first `count` examples of evaluation.json.
  std::vector<train::EvaluationSet> evaluation_sets(std::size_t count = 13) const {
    nlohmann::json examples = train_fixture("evaluation.json")["examples"];
    examples.erase(examples.begin() + static_cast<std::ptrdiff_t>(count), examples.end());
    write_store("evaluation.store", examples);
    std::vector<train::EvaluationSet> sets;
    sets.push_back({"", data::TokenStore::open(folder_.path() / "evaluation.store")});
    return sets;
  }

  train::TrainOptions options;
  bool evaluates = false;  ///< on evaluation_sets()
  nlohmann::json metrics;
  std::optional<nlohmann::json> result;  ///< of the evaluation at the end
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

  void write_store(const char* name, const nlohmann::json& examples) const {
    data::TokenStoreWriter writer(folder_.path() / name, fixture_["config"]["vocab_size"], {"examples.json"});
    std::uint64_t line = 0;
    for (const auto& example : examples) {
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
