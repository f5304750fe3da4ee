// What is merged, beside what peft merges: tests/fixtures/export, made by make.py there.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>

#include <nlohmann/json.hpp>

#include "base/files.hpp"
#include "lmf/error.hpp"
#include "merged_weights.hpp"
#include "export/fixture.hpp"
#include "support/places.hpp"
#include "weight_writer.hpp"

using namespace lmf::exporter;
using lmf::read_file;
using lmf::test::export_fixture;
using lmf::test::TemporaryFolder;
namespace model = lmf::model;
namespace fs = std::filesystem;

namespace {

MergedWeights merged(const std::string& base, const std::vector<std::string>& adapters,
                     const std::vector<double>& weights = {}) {
  auto spec = model::DecoderSpec::read(export_fixture(base));
  std::vector<WeightedAdapter> opened;
  for (std::size_t i = 0; i < adapters.size(); ++i) {
    const fs::path folder = export_fixture(adapters[i]);
    opened.push_back({folder, model::AdapterFolder::open(folder, spec), weights.empty() ? 1.0 : weights[i]});
    if (opened.back().folder.plan.separates_head) spec.tied_embeddings = false;
  }
  return {model::WeightFiles::open_model(export_fixture(base)), spec, opened};
}

void write(const MergedWeights& weights, const fs::path& folder, std::optional<model::Number> wanted = {},
           std::uint64_t shard_bytes = 5'000'000'000) {
  write_weights(weights, plan_weights(weights, wanted, shard_bytes), folder, [](std::uint64_t) {});
}

std::vector<float> floats(const model::WeightFiles& files, const std::string& name) {
  const auto bytes = files.bytes(name).bytes;
  const model::Number number = model::number_of(files.require(name).dtype).value();
  std::vector<float> result(bytes.size() / bytes_of(number));
  to_floats(number, bytes.data(), result.size(), result.data());
  return result;
}

struct Difference {
  std::size_t tensors = 0, numbers = 0;  // that differ
  float largest = 0;                     // between two numbers
  float largest_steps = 0;               // in steps of the type at the tensor's largest number
};

/// The distance of neighbouring numbers of a type around `magnitude`.
float step_at(float magnitude, model::Number number) {
  return std::ldexp(1.0f, std::ilogb(magnitude) - (number == model::Number::f32    ? 23
                                                   : number == model::Number::bf16 ? 7
                                                                                   : 10));
}

Difference compare(const fs::path& ours, const fs::path& theirs, model::Number number) {
  const auto a = model::WeightFiles::open_model(ours), b = model::WeightFiles::open_model(theirs);
  REQUIRE(a.names() == b.names());
  Difference result;
  for (const auto& name : a.names()) {
    REQUIRE(a.require(name).dtype == b.require(name).dtype);
    REQUIRE(a.require(name).shape == b.require(name).shape);
    const auto left = floats(a, name), right = floats(b, name);
    const std::size_t before = result.numbers;
    float largest = 0, magnitude = 0;
    for (std::size_t i = 0; i < left.size(); ++i) {
      result.numbers += left[i] != right[i] ? 1 : 0;
      largest = std::max(largest, std::abs(left[i] - right[i]));
      magnitude = std::max(magnitude, std::abs(right[i]));
    }
    result.tensors += result.numbers > before ? 1 : 0;
    result.largest = std::max(result.largest, largest);
    result.largest_steps = std::max(result.largest_steps, largest / step_at(magnitude, number));
  }
  return result;
}

}  // namespace

TEST_CASE("one adapter makes the very files that peft and transformers make") {
  struct Case {
    std::string base, adapter, expected;
  };
  for (const Case& one :
       {Case{"base-float32", "plain", "plain-float32"}, Case{"base-bfloat16", "plain", "plain-bfloat16"},
        Case{"base-float16", "plain", "plain-float16"}, Case{"base-float32", "saved", "saved-float32"},
        Case{"base-bfloat16", "saved", "saved-bfloat16"}, Case{"base-float16", "saved", "saved-float16"},
        Case{"tied", "tied-plain", "tied"}}) {
    CAPTURE(one.expected);
    const TemporaryFolder folder;
    write(merged(one.base, {one.adapter}), folder.path());
    const auto expected = export_fixture("merged-" + one.expected);
    const auto number =
        model::number_of(model::WeightFiles::open_model(expected).require("model.norm.weight").dtype).value();
    const auto found = compare(folder.path(), expected, number);
    MESSAGE(one.expected << ": " << found.numbers << " numbers differ, the largest by " << found.largest);
    CHECK(read_file(folder.path() / "model.safetensors") == read_file(expected / "model.safetensors"));
  }
}

TEST_CASE("DoRA is merged as peft does it, in float32 but for the last bits") {
  for (const std::string type : {"float32", "bfloat16", "float16"}) {
    CAPTURE(type);
    const TemporaryFolder folder;
    write(merged("base-" + type, {"dora"}), folder.path());
    const auto expected = export_fixture("merged-dora-" + type);
    const auto number =
        model::number_of(model::WeightFiles::open_model(expected).require("model.norm.weight").dtype).value();
    const auto found = compare(folder.path(), expected, number);
    MESSAGE(type << ": " << found.numbers << " numbers differ, the largest by " << found.largest << ", "
                 << found.largest_steps << " steps");
    CHECK(found.largest_steps <= (type == "float32" ? 4 : 1));
    CHECK(found.numbers < (type == "float32" ? 1500 : 20));
  }
}

TEST_CASE("shards are those that huggingface_hub writes") {
  const TemporaryFolder folder;
  write(merged("base-float32", {"plain"}), folder.path(), {}, 7000);
  const auto expected = export_fixture("merged-shards");
  std::size_t files = 0;
  for (const auto& entry : fs::directory_iterator(expected)) {
    const auto name = entry.path().filename();
    if (name.extension() != ".safetensors") continue;
    CAPTURE(name.string());
    CHECK(read_file(folder.path() / name) == read_file(entry.path()));
    ++files;
  }
  CHECK(files == 4);
  const auto index = [](const fs::path& place) {
    return nlohmann::json::parse(read_file(place / "model.safetensors.index.json"));
  };
  const auto ours = index(folder.path()), theirs = index(expected);
  CHECK(ours["weight_map"] == theirs["weight_map"]);
  CHECK(ours["metadata"]["total_size"] == theirs["metadata"]["total_size"]);
  CHECK(ours["metadata"]["total_parameters"] == 5200);
}

TEST_CASE("stacked adapters: float32 as peft, narrower types within a step of it") {
  // peft rounds to the model's type after each adapter, lmf once, at the end: nearer to the exact sum. What was rounded
  // in between is at most about as large as the tensor's largest number, so that they differ by up to one of its steps.
  for (const model::Number number : {model::Number::f32, model::Number::bf16, model::Number::f16}) {
    const std::string type(torch_name(number));
    const TemporaryFolder folder;
    write(merged("base-" + type, {"plain", "saved"}), folder.path());
    const auto found = compare(folder.path(), export_fixture("merged-both-" + type), number);
    MESSAGE(type << ": " << found.numbers << " numbers in " << found.tensors << " tensors differ, the largest by "
                 << found.largest_steps << " steps");
    if (number == model::Number::f32)
      CHECK(found.numbers == 0);
    else
      CHECK(found.largest_steps <= 1.0f);
  }
}

TEST_CASE("what no adapter touches is copied byte by byte, in its own type") {
  const auto weights = merged("base-bfloat16", {"saved"});
  const TemporaryFolder folder;
  write(weights, folder.path());
  const auto ours = model::WeightFiles::open_model(folder.path());
  const auto base = model::WeightFiles::open_model(export_fixture("base-bfloat16"));
  std::size_t untouched = 0;
  for (std::size_t i = 0; i < weights.tensors().size(); ++i) {
    const std::string& name = weights.tensors()[i].name;
    const bool same = std::ranges::equal(ours.bytes(name).bytes, base.bytes(name).bytes);
    CHECK(same == !weights.is_changed(i));
    untouched += same ? 1 : 0;
  }
  CHECK(untouched == 16);  // 21 but q_proj and down_proj of two layers, and lm_head
}

TEST_CASE("adapter_weights scale what an adapter adds, also of a module trained whole") {
  const auto base = floats(model::WeightFiles::open_model(export_fixture("base-float32")), "lm_head.weight");
  const auto trained = floats(model::WeightFiles::open_file(export_fixture("saved") / "adapter_model.safetensors"),
                              "base_model.model.lm_head.weight");
  const auto read = [](const MergedWeights& weights, const std::string& name) {
    for (std::size_t i = 0; i < weights.tensors().size(); ++i) {
      const MergedTensor& tensor = weights.tensors()[i];
      if (tensor.name != name) continue;
      std::vector<float> all(tensor.count());
      MergedWeights::Reader(weights, i).read(0, tensor.rows, all.data());
      return all;
    }
    return std::vector<float>();
  };
  const auto half = read(merged("base-float32", {"saved"}, {0.5}), "lm_head.weight");
  for (std::size_t i = 0; i < base.size(); ++i) CHECK(half[i] == doctest::Approx((base[i] + trained[i]) / 2));

  const std::string query = "model.layers.0.self_attn.q_proj.weight";
  const auto none = read(merged("base-float32", {"plain"}, {0.0}), query);
  const auto whole = read(merged("base-float32", {"plain"}), query);
  const auto quarter = read(merged("base-float32", {"plain"}, {0.25}), query);
  CHECK(none == floats(model::WeightFiles::open_model(export_fixture("base-float32")), query));
  for (std::size_t i = 0; i < whole.size(); ++i)
    CHECK(quarter[i] == doctest::Approx(none[i] + 0.25 * (whole[i] - none[i])).epsilon(1e-5));
}

TEST_CASE("rows read in any portions are the same numbers") {
  const auto weights = merged("base-float32", {"plain"});
  const MergedTensor& tensor = weights.tensors()[1];
  std::vector<float> all(tensor.count()), parts(tensor.count());
  MergedWeights::Reader(weights, 1).read(0, tensor.rows, all.data());
  MergedWeights::Reader reader(weights, 1);
  for (std::int64_t row = 0; row < tensor.rows; row += 3)
    reader.read(row, std::min<std::int64_t>(3, tensor.rows - row), parts.data() + row * tensor.width);
  CHECK(all == parts);
}

TEST_CASE("a head that learned apart from the embedding is written beside it") {
  const auto folder = export_fixture("saved");
  auto spec = model::DecoderSpec::read(export_fixture("tied"));
  const WeightedAdapter adapter{folder, model::AdapterFolder::open(folder, spec), 1.0};
  REQUIRE(adapter.folder.plan.separates_head);
  spec.tied_embeddings = false;
  const TemporaryFolder out;
  write(MergedWeights(model::WeightFiles::open_model(export_fixture("tied")), spec, {adapter}), out.path());
  const auto ours = model::WeightFiles::open_model(out.path());
  CHECK(floats(ours, "lm_head.weight") == floats(adapter.folder.weights, "base_model.model.lm_head.weight"));
  CHECK(floats(ours, "model.embed_tokens.weight") ==
        floats(model::WeightFiles::open_model(export_fixture("tied")), "model.embed_tokens.weight"));
}

TEST_CASE("a type that is asked for is that of every tensor") {
  const TemporaryFolder folder;
  write(merged("base-float32", {}), folder.path(), model::Number::bf16);
  const auto files = model::WeightFiles::open_model(folder.path());
  for (const auto& name : files.names()) CHECK(files.require(name).dtype == "BF16");
  const auto ours = floats(files, "model.layers.1.mlp.up_proj.weight");
  const auto theirs =
      floats(model::WeightFiles::open_model(export_fixture("base-bfloat16")), "model.layers.1.mlp.up_proj.weight");
  CHECK(ours == theirs);  // the same random numbers, rounded by torch
}
