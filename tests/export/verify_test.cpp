// What `lmf export` checks before it gives a folder its name: right ones pass, and each kind of wrong one is found.
#include <doctest/doctest.h>

#include <torch/utils.h>

#include <nlohmann/json.hpp>

#include "base/files.hpp"
#include "lmf/error.hpp"
#include "model/adapter.hpp"
#include "export/fixture.hpp"
#include "support/places.hpp"
#include "verify/compare_texts.hpp"
#include "verify/comparison.hpp"
#include "verify/verify.hpp"

using namespace lmf::exporter;
using lmf::test::export_fixture;
using lmf::test::TemporaryFolder;
namespace model = lmf::model;
namespace fs = std::filesystem;

namespace {

const std::vector<std::vector<std::int64_t>> kSequences = {{1, 2, 3, 30, 31, 32, 5}, {7, 7, 9}};

/// merged-CASE with the base's configuration, as lmf export would leave it.
void write_exported(const fs::path& folder, const std::string& merged, const std::string& base,
                    const nlohmann::json& changes = nlohmann::json::object()) {
  fs::create_directories(folder);
  fs::copy_file(export_fixture(merged) / "model.safetensors", folder / "model.safetensors");
  auto config = nlohmann::json::parse(lmf::read_file(export_fixture(base) / "config.json"));
  config.update(changes);
  lmf::write_file_atomically(folder / "config.json", config.dump());
}

void change_one_byte(const fs::path& file, const std::string& tensor) {
  const auto files = model::WeightFiles::open_file(file);
  std::string bytes = lmf::read_file(file);
  bytes[files.require(tensor).begin + 3] ^= 0x40;  // a number's highest bits
  fs::remove(file);
  lmf::write_file_atomically(file, bytes);
}

WeightFindings weights(const fs::path& exported, const std::string& base, const std::vector<StoredAdapter>& adapters) {
  return compare_weights(StoredModel(exported, {}), StoredModel(export_fixture(base), adapters), [] {});
}
ForwardFindings forward(const fs::path& exported, const std::string& base, const std::vector<StoredAdapter>& adapters) {
  return compare_forward(StoredModel(exported, {}), StoredModel(export_fixture(base), adapters), kSequences, [] {});
}

}  // namespace

TEST_CASE("what peft merged is verified, in every type") {
  for (const std::string type : {"float32", "bfloat16", "float16"})
    for (const std::string adapter : {"plain", "saved"}) {
      CAPTURE(type);
      CAPTURE(adapter);
      const TemporaryFolder folder;
      write_exported(folder.path(), "merged-" + adapter + "-" + type, "base-" + type);
      const std::vector<StoredAdapter> adapters = {{export_fixture(adapter), 1.0}};
      const auto found = weights(folder.path(), "base-" + type, adapters);
      CHECK(found.failure == "");
      CHECK(found.identical == 21);
      CHECK(found.copied == (adapter == "plain" ? 7 : 16));
      const auto run = forward(folder.path(), "base-" + type, adapters);
      MESSAGE(adapter << ", " << type << ": logits within " << run.logits.relative << " of their size, "
                      << run.same_best << " of " << run.tokens << " best tokens the same");
      CHECK(run.failure == "");
      CHECK(run.layers.size() == 2);
      CHECK(run.tokens == 10);
    }
}

TEST_CASE("DoRA: what peft merges is what the decoder merges and what is expected, and nothing else is") {
  const std::vector<StoredAdapter> adapters = {{export_fixture("dora"), 1.0}};
  auto decoder = model::Decoder::load(export_fixture("base-float32"), torch::kFloat32);
  const model::Decoder peft = [] {
    const TemporaryFolder folder;
    write_exported(folder.path(), "merged-dora-float32", "base-float32");
    return model::Decoder::load(folder.path(), torch::kFloat32);
  }();
  CHECK(model::load_adapter(decoder, export_fixture("dora"), false).dora);
  model::merge_adapter(decoder);
  const auto ours = decoder.parameters(), theirs = peft.parameters();
  REQUIRE(ours.size() == theirs.size());
  for (std::size_t i = 0; i < ours.size(); ++i) {
    CAPTURE(ours[i].first);
    CHECK(torch::equal(ours[i].second, theirs[i].second));
  }
  for (const std::string type : {"float32", "bfloat16", "float16"}) {
    const TemporaryFolder folder;
    write_exported(folder.path(), "merged-dora-" + type, "base-" + type);
    const auto found = weights(folder.path(), "base-" + type, adapters);
    CHECK(found.failure == "");
    CHECK(found.identical >= 20);
    CHECK(forward(folder.path(), "base-" + type, adapters).failure == "");
    const TemporaryFolder other;
    write_exported(other.path(), "merged-plain-" + type, "base-" + type);
    CHECK(weights(other.path(), "base-" + type, adapters).failure != "");
  }
}

TEST_CASE("adapters that stay apart compute what the trainer's decoder computes") {
  const StoredModel stored(export_fixture("base-float32"), {{export_fixture("saved"), 1.0}});
  auto decoder = model::Decoder::load(export_fixture("base-float32"), torch::kFloat32);
  model::load_adapter(decoder, export_fixture("saved"), false);
  const torch::NoGradGuard no_grad;
  const auto tokens = model::PackedTokens::from(kSequences);
  torch::Tensor x = stored.embedded(tokens.ids);
  std::vector<torch::Tensor> states;
  const auto hidden = decoder.hidden_states(tokens, states);
  CHECK(torch::equal(x, states[0]));
  const auto run = forward(export_fixture("base-float32"), "base-float32", {{export_fixture("saved"), 0.0}});
  CHECK(run.failure == "");  // an adapter of weight 0 changes nothing
  CHECK(run.logits.largest == 0.0);
  const TemporaryFolder folder;
  model::merge_adapter(decoder);
  decoder.save(folder.path());
  CHECK(weights(folder.path(), "base-float32", {{export_fixture("saved"), 1.0}}).failure == "");
  CHECK(forward(folder.path(), "base-float32", {{export_fixture("saved"), 1.0}}).failure == "");
}

TEST_CASE("weights of adapters are taken into account") {
  const TemporaryFolder folder;
  write_exported(folder.path(), "merged-plain-float32", "base-float32");
  CHECK(weights(folder.path(), "base-float32", {{export_fixture("plain"), 0.9}}).failure != "");
  CHECK(forward(folder.path(), "base-float32", {{export_fixture("plain"), 0.9}}).failure != "");
  CHECK(weights(folder.path(), "base-float32", {{export_fixture("plain"), 0.5}, {export_fixture("plain"), 0.5}})
            .failure == "");
  CHECK(forward(folder.path(), "base-float32", {{export_fixture("plain"), 0.5}, {export_fixture("plain"), 0.5}})
            .failure == "");
}

TEST_CASE("a model that is not merged is found, also when rounding is coarse") {
  for (const std::string type : {"float32", "bfloat16"}) {
    const auto found = weights(export_fixture("base-" + type), "base-" + type, {{export_fixture("plain"), 1.0}});
    CAPTURE(found.failure);
    CHECK(found.failure.find("away from what its adapters make of it") != std::string::npos);
  }
}

TEST_CASE("one wrong number is found, in what was merged and in what was copied") {
  for (const std::string tensor : {"model.layers.1.self_attn.q_proj.weight", "model.layers.0.input_layernorm.weight"}) {
    const TemporaryFolder folder;
    write_exported(folder.path(), "merged-saved-float32", "base-float32");
    change_one_byte(folder.path() / "model.safetensors", tensor);
    const auto found = weights(folder.path(), "base-float32", {{export_fixture("saved"), 1.0}});
    CHECK(found.failure.find(tensor) != std::string::npos);
  }
}

TEST_CASE("right weights under a wrong configuration are found") {
  const TemporaryFolder folder;
  write_exported(folder.path(), "merged-plain-float32", "base-float32", {{"rms_norm_eps", 0.1}});
  CHECK(weights(folder.path(), "base-float32", {{export_fixture("plain"), 1.0}}).failure == "");
  const auto run = forward(folder.path(), "base-float32", {{export_fixture("plain"), 1.0}});
  CAPTURE(run.failure);
  CHECK(run.failure.find("differ by") != std::string::npos);
}

TEST_CASE("numbers that are none are no match") {
  const TemporaryFolder folder;
  write_exported(folder.path(), "merged-plain-float32", "base-float32");
  const auto file = folder.path() / "model.safetensors";
  const auto begin = model::WeightFiles::open_file(file).require("model.norm.weight").begin;
  std::string bytes = lmf::read_file(file);
  bytes.replace(begin, 4, "\xff\xff\xff\x7f");
  lmf::write_file_atomically(file, bytes);
  CHECK(weights(folder.path(), "base-float32", {{export_fixture("plain"), 1.0}}).failure != "");
  CHECK(forward(folder.path(), "base-float32", {{export_fixture("plain"), 1.0}}).failure != "");
}

TEST_CASE("a tokenizer that makes other tokens is found") {
  const auto demo = lmf::test::share() / "models/demo";
  auto trained = lmf::text::Tokenizer::load(demo);
  const auto chat = lmf::text::ChatTemplate::load(lmf::test::share(), "chatml");
  chat.repair(trained);
  const TemporaryFolder folder;
  trained.save(folder.path());
  {
    const auto found = compare_texts(lmf::text::Tokenizer::load(folder.path()), trained, chat);
    CHECK(found.failure == "");
    CHECK(found.own_chat_template);
    CHECK(found.conversations == 5);
    CHECK(found.otherwise_as_one_text == 0);
    CHECK(found.tokens > 100);
  }
  auto document = nlohmann::json::parse(lmf::read_file(folder.path() / "tokenizer.json"));
  document["model"]["merges"].erase(document["model"]["merges"].begin());
  lmf::write_file_atomically(folder.path() / "tokenizer.json", document.dump());
  CHECK(compare_texts(lmf::text::Tokenizer::load(folder.path()), trained, chat).failure.find("other tokens") !=
        std::string::npos);
}

TEST_CASE("tokens that only tools and calls have are compared, too") {
  auto trained = lmf::text::Tokenizer::load(lmf::test::share() / "models/demo");
  const auto chat = lmf::text::ChatTemplate::load(lmf::test::share(), "qwen");
  chat.repair(trained);
  const TemporaryFolder folder;
  trained.save(folder.path());
  const auto exported = lmf::text::Tokenizer::load(folder.path());
  CHECK(compare_texts(exported, trained, chat).failure == "");
  trained.add_special_token("<tool_call>");
  CHECK(compare_texts(exported, trained, chat).failure.find("begins with 'Is it warm in Zürich") != std::string::npos);
}
