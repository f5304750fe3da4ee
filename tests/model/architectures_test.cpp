// Every architecture and every kind of RoPE beside transformers' numbers (tests/fixtures/model/make.py).
#include <doctest/doctest.h>

#include <fstream>

#include <nlohmann/json.hpp>

#include "model/adapter.hpp"
#include "model/safetensors.hpp"
#include "support/det_init.hpp"
#include "support/places.hpp"

namespace {

using lmf::model::Decoder;
using lmf::model::DecoderSpec;
using lmf::model::PackedTokens;
using lmf::test::TemporaryFolder;
using nlohmann::json;
using torch::Tensor;

// Weights are ten times as spread as usual, and so are logits (up to 6): float32 sums in another order differ by some
// 1e-6 of that.
constexpr double kTolerance = 2e-5;

json read(const std::string& name) { return json::parse(std::ifstream(lmf::test::fixtures() / "model" / name)); }

Decoder build(const json& config) {
  const TemporaryFolder folder;
  std::ofstream(folder.path() / "config.json") << config.dump();
  Decoder decoder = Decoder::random(DecoderSpec::read(folder.path()), 0);
  lmf::test::det_init(decoder, 0.2);
  return decoder;
}

double difference(const Tensor& ours, const json& expected) {
  const auto values = expected.get<std::vector<double>>();
  return (ours.detach().to(torch::kFloat64) - torch::tensor(values, torch::kFloat64)).abs().max().item<double>();
}

Tensor logits_of(const Decoder& decoder, const std::vector<std::int64_t>& ids) {
  return decoder.logits(decoder.hidden(PackedTokens::from({ids})));
}

double gradient_difference(Decoder& decoder, const json& expected, bool checkpoint) {
  for (auto& [name, tensor] : decoder.parameters()) {
    tensor.set_requires_grad(true);
    tensor.mutable_grad() = Tensor();
  }
  const auto tokens = PackedTokens::from({expected["input_ids"].get<std::vector<std::int64_t>>()});
  const Tensor logits = decoder.logits(decoder.hidden(tokens, true, checkpoint));
  const std::int64_t count = logits.size(0) - 1;
  const Tensor loss = torch::cross_entropy_loss(logits.narrow(0, 0, count), tokens.ids.narrow(0, 1, count));
  CHECK(loss.item<double>() == doctest::Approx(expected["loss"].get<double>()).epsilon(1e-5));
  loss.backward();
  double most = 0.0;
  for (const auto& [name, norm] : expected["gradient_norms"].items()) {
    const auto parameters = decoder.parameters();
    const auto found = std::find_if(parameters.begin(), parameters.end(),
                                    [&, &wanted = name](const auto& p) { return p.first == wanted; });
    REQUIRE_MESSAGE(found != parameters.end(), name);
    // A key's bias moves all scores of a query alike: its true gradient is 0, and both have rounding errors there.
    const double scale = std::max(norm.get<double>(), 1e-3);
    most = std::max(
        most, std::abs(found->second.grad().to(torch::kFloat64).norm().item<double>() - norm.get<double>()) / scale);
  }
  return most;
}

/// One token after the other through the cache, after a prompt in two pieces.
std::vector<std::int64_t> greedy(const Decoder& decoder, const std::vector<std::int64_t>& ids, std::int64_t count) {
  lmf::model::KeyValueCache cache(decoder.spec(), static_cast<std::int64_t>(ids.size()) + count, torch::kFloat32,
                                  torch::kCPU);
  const Tensor prompt = torch::tensor(ids, torch::kInt64);
  decoder.hidden_cached(prompt.narrow(0, 0, 7), cache);
  Tensor next = prompt.narrow(0, 7, prompt.size(0) - 7);
  std::vector<std::int64_t> answer;
  for (std::int64_t i = 0; i < count; ++i) {
    const Tensor hidden = decoder.hidden_cached(next, cache);
    next = decoder.logits(hidden.narrow(0, hidden.size(0) - 1, 1)).argmax(-1);
    answer.push_back(next.item<std::int64_t>());
  }
  return answer;
}

}  // namespace

TEST_CASE("logits, gradients and greedy tokens of every architecture and RoPE are transformers'") {
  const json cases = read("architectures.json");
  for (const auto& [name, expected] : cases.items()) {
    CAPTURE(name);
    Decoder decoder = build(expected["config"]);
    const auto ids = expected["input_ids"].get<std::vector<std::int64_t>>();
    const Tensor logits = logits_of(decoder, ids);
    const double most = std::max(difference(logits[0], expected["logits_first"]),
                                 difference(logits[logits.size(0) - 1], expected["logits_last"]));
    const double gradient = gradient_difference(decoder, expected, false),
                 recomputed = gradient_difference(decoder, expected, true);
    MESSAGE(name, ": logits ", most, ", gradients ", gradient, ", with layers computed again ", recomputed);
    CHECK(most < kTolerance);
    CHECK(gradient < 1e-4);
    CHECK(recomputed < 1e-4);
    // The cache keeps keys as they were turned when they came, so the dynamic kind differs by design once it grows.
    if (name.find("dynamic") == std::string::npos)
      CHECK(greedy(decoder, ids, 8) == expected["greedy"].get<std::vector<std::int64_t>>());
  }
}

TEST_CASE("packed sequences do not see each other") {
  const Decoder decoder = build(read("architectures.json")["llama"]["config"]);
  const std::vector<std::int64_t> one{5, 15, 39, 7}, two{1, 2, 3, 4, 5, 6, 7};
  const Tensor both = decoder.logits(decoder.hidden(PackedTokens::from({one, two})));
  const Tensor apart = torch::cat({logits_of(decoder, one), logits_of(decoder, two)});
  CHECK((both - apart).abs().max().item<double>() < kTolerance);
}

TEST_CASE("a token that the vocabulary lacks is named") {
  const Decoder decoder = build(read("architectures.json")["llama"]["config"]);
  CHECK_THROWS_WITH(logits_of(decoder, {1, 97}), doctest::Contains("97"));
}

TEST_CASE("peft's adapter gives peft's logits, attached, merged, and saved again") {
  const json expected = read("adapter.json");
  const auto ids = expected["input_ids"].get<std::vector<std::int64_t>>();
  Decoder decoder = build(expected["config"]);
  const auto config = lmf::model::load_adapter(decoder, lmf::test::fixtures() / "model/adapter", true);
  CHECK(config.rslora);
  const auto last = [&](const Decoder& some) {
    const Tensor all = logits_of(some, ids);
    return all[all.size(0) - 1];
  };
  CHECK(difference(last(decoder), expected["logits_last"]) < kTolerance);

  const TemporaryFolder folder;
  lmf::model::save_adapter(decoder, config, folder.path());
  lmf::model::merge_adapter(decoder);
  CHECK(difference(last(decoder), expected["logits_last"]) < kTolerance);
  Decoder again = build(expected["config"]);
  lmf::model::load_adapter(again, folder.path(), false);
  CHECK(difference(last(again), expected["logits_last"]) < kTolerance);
}

TEST_CASE("a saved model, in one file or in shards, is the same model") {
  Decoder decoder = build(read("architectures.json")["qwen2"]["config"]);
  const TemporaryFolder folder;
  for (const std::uint64_t limit :
       {std::uint64_t{20'000}, std::uint64_t{1} << 30}) {  // shards first: the single file replaces them
    decoder.save(folder.path(), limit);
    CHECK(std::filesystem::exists(folder.path() / "model.safetensors") == (limit > 20'000));
    const Decoder again = Decoder::load(folder.path());
    const auto ours = decoder.parameters(), theirs = again.parameters();
    REQUIRE(ours.size() == theirs.size());
    for (std::size_t i = 0; i < ours.size(); ++i) CHECK(torch::equal(ours[i].second, theirs[i].second));
  }
}

TEST_CASE("the same seed gives the same random bits, another seed others") {
  const DecoderSpec spec = build(read("architectures.json")["llama"]["config"]).spec();
  const Decoder one = Decoder::random(spec, 7), two = Decoder::random(spec, 7), other = Decoder::random(spec, 8);
  CHECK(torch::equal(one.layers[0].q.weight, two.layers[0].q.weight));
  CHECK_FALSE(torch::equal(one.layers[0].q.weight, other.layers[0].q.weight));
}

TEST_CASE(
    "a fresh adapter changes nothing and alone requires gradients; a misspelt target is named with the right ones") {
  const json expected = read("architectures.json")["llama"];
  const auto ids = expected["input_ids"].get<std::vector<std::int64_t>>();
  Decoder decoder = build(expected["config"]);
  const Tensor before = logits_of(decoder, ids);
  lmf::model::LoraConfig config;
  config.targets = {"q_porj"};
  CHECK_THROWS_WITH(lmf::model::attach_lora(decoder, config, 1), doctest::Contains("q_porj"));
  config.targets = {"all"};
  lmf::model::attach_lora(decoder, config, 1);
  CHECK(torch::equal(before, logits_of(decoder, ids)));
  CHECK(lmf::model::adapter_parameters(decoder, config).size() == 3 * 7 * 2);
  for (const auto& [name, tensor] : decoder.parameters()) CHECK_FALSE(tensor.requires_grad());
  for (const auto& [name, tensor] : lmf::model::adapter_parameters(decoder, config)) CHECK(tensor.requires_grad());
}
