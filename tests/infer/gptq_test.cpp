// A GPTQ checkpoint in the formats that answers are computed in.
#include "model/gptq_checkpoint.hpp"

#include <future>

#include <doctest/doctest.h>

#include "infer/cpu_executor.hpp"
#include "infer/generate.hpp"
#include "infer/loaded_model.hpp"
#include "model/adapter.hpp"
#include "model/adapter_config.hpp"
#include "model/adapter_folder.hpp"
#include "support/places.hpp"

using namespace lmf::infer;
using lmf::model::Decoder;
using lmf::model::DecoderSpec;
using lmf::test::GptqKind;
using lmf::test::TemporaryFolder;
namespace fs = std::filesystem;

namespace {

/// With the demo's tokenizer.
Decoder write_checkpoint(const fs::path& folder, const GptqKind& kind) {
  for (const char* file : {"tokenizer.json", "tokenizer_config.json"})
    fs::copy_file(lmf::test::share() / "models/demo" / file, folder / file);
  auto config = nlohmann::json::parse(lmf::read_file(lmf::test::share() / "models/demo/config.json"));
  config.update({{"vocab_size", 928},
                 {"hidden_size", 64},
                 {"intermediate_size", 96},
                 {"num_attention_heads", 4},
                 {"num_key_value_heads", 2},
                 {"head_dim", 16},
                 {"num_hidden_layers", 2},
                 {"tie_word_embeddings", false},
                 {"initializer_range", 0.3},
                 {"dtype", "float32"}});
  lmf::write_file_atomically(folder / "config.json", config.dump());
  torch::manual_seed(5);
  Decoder decoder = Decoder::random(DecoderSpec::read(folder), 5);
  lmf::test::write_gptq_checkpoint(folder, decoder, kind);
  return decoder;
}

/// How far the executor's logits are from those of the weights that the codes stand for, relative to the largest.
double distance(const fs::path& folder, const Decoder& exact, WeightFormat format) {
  CpuExecutor executor(Decoder::load(folder, torch::kFloat32, torch::kCPU, /*mapped=*/true), {.format = format});
  const std::vector<std::int64_t> ids = {5, 90, 300, 17, 4};
  std::vector<Row> rows;
  for (const auto id : ids)
    rows.push_back({static_cast<std::int32_t>(id), 0, static_cast<std::int64_t>(rows.size()), /*wants_logits=*/true});
  const auto ours = executor.run(rows);
  const torch::InferenceMode no_gradients;
  const auto theirs = exact.logits(exact.hidden(lmf::model::PackedTokens::from({ids})));
  const auto logits = torch::from_blob(const_cast<float*>(ours.data()), theirs.sizes());
  return ((logits - theirs).abs().max() / theirs.abs().max()).item<double>();
}

/// Tokens and their log-probabilities.
class AnswerNotes final : public Listener {
 public:
  void on_token(const Token& token) override { said_.emplace_back(token.id, token.logprob); }
  void on_end(const End& end) noexcept override { ended_.set_value(end); }
  std::vector<std::pair<std::int32_t, float>> said_;
  std::promise<End> ended_;
};

auto greedy_answer(const ModelChoice& choice, std::int32_t adapter = -1) {
  const auto model = LoadedModel::load(choice, lmf::test::share());
  Request request{.prompt = {5, 90, 300}, .stop_ids = {}, .max_new_tokens = 12, .sampling = {}};
  request.sampling.do_sample = false;
  request.logprobs = 0;
  request.adapter = adapter;
  const auto notebook = std::make_shared<AnswerNotes>();
  model.engine->submit(request, notebook);
  REQUIRE(notebook->ended_.get_future().get().finish == Finish::length);
  return notebook->said_;
}

}  // namespace

TEST_CASE("symmetric codes of 4 bits keep their values in formats of 4 and of 8 bits") {
  const TemporaryFolder folder;
  const Decoder exact = write_checkpoint(folder.path(), {.group_size = 32});
  for (const auto format : {WeightFormat::fp32, WeightFormat::int8, WeightFormat::int4})
    CHECK(distance(folder.path(), exact, format) < 1e-5);
}

TEST_CASE("other GPTQ weights are rounded to the format, whatever it is") {
  for (const GptqKind& kind :
       {GptqKind{.bits = 8}, GptqKind{.scattered = true}, GptqKind{.symmetric = false}, GptqKind{.group_size = 16}}) {
    const TemporaryFolder folder;
    const Decoder exact = write_checkpoint(folder.path(), kind);
    CHECK(distance(folder.path(), exact, WeightFormat::fp32) < 1e-5);
    const double bf16 = distance(folder.path(), exact, WeightFormat::bf16),
                 int8 = distance(folder.path(), exact, WeightFormat::int8),
                 int4 = distance(folder.path(), exact, WeightFormat::int4);
    MESSAGE(bf16 << ", " << int8 << ", " << int4);
    CHECK(bf16 > 1e-5);
    CHECK(bf16 < 0.02);
    CHECK(int8 > 1e-5);
    CHECK(int8 < 0.05);
    CHECK(int4 < 0.6);
  }
}

TEST_CASE("an adapter on a GPTQ model answers the same, merged or kept apart beside the codes") {
  const TemporaryFolder folder;
  Decoder decoder = write_checkpoint(folder.path(), {.scattered = true});
  ModelChoice choice;
  choice.model = folder.path();
  choice.revision = "main";
  choice.chat_template.name = "chatml";
  choice.use_cpu = true;
  choice.dtype = "float32";
  const auto plain = greedy_answer(choice);
  enum class Kind { pairs, whole_head, dora };
  for (const Kind kind : {Kind::pairs, Kind::whole_head, Kind::dora}) {
    CAPTURE(static_cast<int>(kind));
    const bool whole = kind == Kind::whole_head;
    const TemporaryFolder adapter;
    Decoder adapted = decoder;
    lmf::model::LoraConfig config;
    config.targets = {"q_proj", "down_proj"};
    if (whole) config.modules_to_save = {"lm_head"};
    lmf::model::attach_lora(adapted, config, 1);
    for (auto* linear : adapted.linears())
      if (linear->lora_b.defined()) linear->lora_b = torch::randn(linear->lora_b.sizes()) * 0.1;
    if (whole) adapted.head.weight = torch::randn(adapted.head.weight.sizes()) * 0.1;
    config.dora = kind == Kind::dora;
    lmf::model::save_adapter(adapted, config, adapter.path());
    if (config.dora) {
      auto tensors = lmf::model::adapter_parameters(adapted, config);
      for (const auto* linear : adapted.linears())
        if (linear->lora_a.defined())
          tensors.emplace_back(lmf::model::kAdapterPrefix + linear->name + lmf::model::kMagnitude,
                               linear->weight.norm(2, 1) * 1.5);
      lmf::model::write_safetensors(adapter.path() / lmf::model::kAdapterWeightsFile, tensors);
    }
    ModelChoice merged = choice, apart = choice;
    merged.adapters = {adapter.path()};
    apart.apart = {adapter.path()};
    const auto ours = greedy_answer(apart, 0), theirs = greedy_answer(merged);
    REQUIRE(ours.size() == theirs.size());
    for (std::size_t i = 0; i < ours.size(); ++i) {
      CHECK(ours[i].first == theirs[i].first);
      CHECK(ours[i].second == doctest::Approx(theirs[i].second).epsilon(1e-4));
    }
    CHECK(theirs != plain);
    CHECK(greedy_answer(apart) == plain);
  }
}

TEST_CASE("without a wish of the user's a GPTQ model answers in few bits, as in float32") {
  const TemporaryFolder folder;
  write_checkpoint(folder.path(), {.group_size = 32});
  ModelChoice choice;
  choice.model = folder.path();
  choice.revision = "main";
  choice.chat_template.name = "chatml";
  choice.use_cpu = true;
  const auto few = greedy_answer(choice);
  choice.dtype = "float32";
  const auto wide = greedy_answer(choice);
  REQUIRE(few.size() == wide.size());
  for (std::size_t i = 0; i < few.size(); ++i) {
    CHECK(few[i].first == wide[i].first);
    CHECK(few[i].second == doctest::Approx(wide[i].second).epsilon(1e-4));
  }
  CHECK(few != wide);  // in the last bits: sums of other numbers
}
