// GPTQ checkpoints: the weights that their codes stand for, and what does not fit.
#include "model/gptq_checkpoint.hpp"

#include <functional>

#include <doctest/doctest.h>

#include "base/log.hpp"
#include "lmf/error.hpp"
#include "model/decoder_shapes.hpp"
#include "support/places.hpp"

namespace {

namespace fs = std::filesystem;
using lmf::model::Decoder;
using lmf::model::DecoderSpec;
using lmf::model::PackedTokens;
using lmf::model::Quantized;
using lmf::test::GptqKind;
using lmf::test::NamedTensors;
using lmf::test::TemporaryFolder;
using nlohmann::json;

constexpr const char* kUp = "model.layers.0.mlp.up_proj";

Decoder small_decoder(const fs::path& folder) {
  const json config = {{"model_type", "qwen2"},  {"hidden_size", 48},        {"intermediate_size", 64},
                       {"num_hidden_layers", 2}, {"num_attention_heads", 3}, {"num_key_value_heads", 1},
                       {"vocab_size", 40},       {"initializer_range", 0.3}, {"dtype", "float32"}};
  lmf::write_file_atomically(folder / "config.json", config.dump());
  return Decoder::random(DecoderSpec::read(folder), 3);
}

void change_config(const fs::path& folder, const std::function<void(json&)>& change) {
  json config = json::parse(lmf::read_file(folder / "config.json"));
  change(config);
  lmf::write_file_atomically(folder / "config.json", config.dump());
}

/// A checkpoint of 4 bits, and its weights.
struct Checkpoint {
  TemporaryFolder folder;
  Decoder decoder = small_decoder(folder.path());
  NamedTensors tensors;

  explicit Checkpoint(const GptqKind& kind = {.group_size = 16}) {
    torch::manual_seed(11);
    tensors = lmf::test::write_gptq_checkpoint(folder.path(), decoder, kind);
  }
  void rewrite() const { lmf::test::write_tensors(folder.path(), tensors); }
  Decoder load(bool mapped = false) const { return Decoder::load(folder.path(), torch::kFloat32, torch::kCPU, mapped); }
  bool is_read_as_it_was() {
    auto loaded = load();
    const auto ours = decoder.parameters(), theirs = loaded.parameters();
    for (std::size_t i = 0; i < ours.size(); ++i)
      if (!torch::equal(ours[i].second, theirs[i].second)) return false;
    return ours.size() == theirs.size();
  }
  /// Everything that reads the folder's headers says so, or else what reads the numbers.
  void refuses(const std::string& why) const {
    CAPTURE(why);
    CHECK_THROWS_WITH_AS(load(), doctest::Contains(why.c_str()), lmf::Error);
    CHECK_THROWS_WITH_AS(load(true), doctest::Contains(why.c_str()), lmf::Error);
  }
};

}  // namespace

TEST_CASE("the weights are scale (code - zero), for every kind of GPTQ checkpoint, bit by bit") {
  const auto tokens = PackedTokens::from({{1, 5, 9, 2}, {30, 7}});
  for (const std::int64_t bits : {4, 8})
    for (const std::int64_t group_size : {16, 32, 20, -1})  // 32 and 20 do not divide 48
      for (const bool symmetric : {true, false})
        for (const bool scattered : {true, false})
          for (const bool version2 : {true, false}) {
            CAPTURE(bits);
            CAPTURE(group_size);
            CAPTURE(symmetric);
            CAPTURE(scattered);
            CAPTURE(version2);
            Checkpoint checkpoint({bits, group_size, symmetric, scattered, version2});
            CHECK(checkpoint.is_read_as_it_was());
            // Mapped, a linear stays codes until it computes.
            Decoder mapped = checkpoint.load(true);
            CHECK(!mapped.layers[0].up.weight.defined());
            CHECK(!mapped.head.weight.defined());
            CHECK(torch::equal(mapped.layers[1].down.dense_weight(), checkpoint.decoder.layers[1].down.weight));
            CHECK(torch::equal(mapped.logits(mapped.hidden(tokens)),
                               checkpoint.decoder.logits(checkpoint.decoder.hidden(tokens))));
          }
}

TEST_CASE("what older programs leave out, and what newer ones add") {
  Checkpoint plain;
  std::string said;
  lmf::log::set_sink([&](lmf::log::Level, std::string_view text) { said += text; }, lmf::log::Level::warn);
  SUBCASE("no g_idx, or one of zeros: groups of neighbours") {
    plain.tensors.erase(std::string(kUp) + ".g_idx");
    plain.tensors["model.layers.0.mlp.down_proj.g_idx"].zero_();
    plain.rewrite();
  }
  SUBCASE("a bias of zeros on every linear") {
    plain.tensors[std::string(kUp) + ".bias"] = torch::zeros({64}, torch::kFloat16);
    plain.rewrite();
  }
  SUBCASE("some linears are not quantised") {
    for (const auto& part : lmf::model::gptq_names(std::string(kUp) + ".weight")) plain.tensors.erase(part);
    plain.tensors[std::string(kUp) + ".weight"] = plain.decoder.layers[0].up.weight;
    plain.rewrite();
  }
  SUBCASE("modules of other bits and groups (dynamic)") {
    plain.decoder.layers[0].up.weight = lmf::test::draw_gptq(kUp, 64, 48, {.bits = 8, .group_size = 24}, plain.tensors);
    plain.rewrite();
    plain.refuses(std::string(kUp) + ".qweight' has shape [12, 64], expected [6, 64]");
    change_config(plain.folder.path(), [](json& config) {
      config["quantization_config"]["dynamic"] = {{".*up_proj", {{"bits", 8}, {"group_size", 24}}}};
    });
  }
  SUBCASE("method and format") {
    change_config(plain.folder.path(), [](json& config) {
      config["quantization_config"] = {{"method", "gptq"}, {"format", "gptq"}, {"bits", 4}, {"group_size", 16}};
    });
  }
  SUBCASE("quantize_config.json alone") {
    change_config(plain.folder.path(), [&](json& config) {
      lmf::write_file_atomically(plain.folder.path() / "quantize_config.json", config["quantization_config"].dump());
      config.erase("quantization_config");
    });
  }
  CHECK(plain.is_read_as_it_was());
  CHECK(said == "");
  plain.tensors["model.layers.0.mlp.gate_proj.bias"] = torch::ones({64});  // which the model has no place for
  plain.rewrite();
  CHECK(plain.is_read_as_it_was());
  CHECK(said.find("1 tensors of the file are not part of the model") != said.npos);
  lmf::log::set_sink([](lmf::log::Level, std::string_view) {}, lmf::log::Level::off);
}

TEST_CASE("where modules differ (dynamic), groups that are not the config's need g_idx") {
  const std::string up = kUp;
  const auto differ = [](json& config) { config["quantization_config"]["dynamic"] = {{"x", 1}}; };
  for (const std::int64_t group_size : {20, 32}) {  // which do not divide 48
    CAPTURE(group_size);
    Checkpoint same({.group_size = group_size});
    change_config(same.folder.path(), differ);
    same.tensors[up + ".g_idx"].zero_();
    same.rewrite();
    CHECK(same.is_read_as_it_was());
    same.tensors.erase(up + ".g_idx");
    same.rewrite();
    CHECK(same.is_read_as_it_was());

    Checkpoint other({.group_size = 8});
    change_config(other.folder.path(), differ);
    other.decoder.layers[0].up.weight = lmf::test::draw_gptq(kUp, 64, 48, {.group_size = group_size}, other.tensors);
    other.rewrite();
    CHECK(other.is_read_as_it_was());
    const std::string why = "model.safetensors: '" + up + ".weight' has " + (group_size == 20 ? "3" : "2") +
                            " groups, not as many as group_size in config.json makes, and no '" + up + ".g_idx'";
    other.tensors[up + ".g_idx"].zero_();
    other.rewrite();
    other.refuses(why);
    other.tensors.erase(up + ".g_idx");
    other.rewrite();
    other.refuses(why);
  }
  Checkpoint one({.group_size = 16});
  change_config(one.folder.path(), differ);
  one.decoder.layers[0].up.weight = lmf::test::draw_gptq(kUp, 64, 48, {.group_size = -1}, one.tensors);
  one.tensors.erase(up + ".g_idx");
  one.rewrite();
  CHECK(one.is_read_as_it_was());
}

TEST_CASE("scales of every type that weights have") {
  for (const auto dtype : {torch::kFloat32, torch::kBFloat16}) {
    Checkpoint plain;
    auto& scales = plain.tensors[std::string(kUp) + ".scales"];
    scales = scales.to(torch::kBFloat16).to(dtype);
    plain.rewrite();
    const auto loaded = plain.load().layers[0].up.weight;
    CHECK(!torch::equal(loaded, plain.decoder.layers[0].up.weight));
    CHECK(torch::allclose(loaded, plain.decoder.layers[0].up.weight, 0x1p-8, 0));
  }
}

TEST_CASE("tensors that do not fit are refused with file and name") {
  Checkpoint plain;
  const std::string up = kUp;
  auto& tensors = plain.tensors;
  const auto refused = [&](const std::string& name, const torch::Tensor& instead, const std::string& why) {
    const torch::Tensor before = tensors[name];
    instead.defined() ? void(tensors[name] = instead) : void(tensors.erase(name));
    plain.rewrite();
    plain.refuses("model.safetensors");
    plain.refuses(why);
    tensors[name] = before;
  };
  const auto integers = [](std::vector<std::int64_t> shape) { return torch::zeros(shape, torch::kInt32); };
  refused(up + ".qweight", {}, "no tensor '" + up + ".weight'");
  refused(up + ".qweight", integers({5, 64}), "'" + up + ".qweight' has shape [5, 64], expected [6, 64]");
  refused(up + ".qweight", torch::zeros({6, 64}), "'" + up + ".qweight' has dtype F32, expected I32");
  refused(up + ".qzeros", {}, "no tensor '" + up + ".qzeros'");
  refused(up + ".qzeros", integers({3, 7}), "'" + up + ".qzeros' has shape [3, 7], expected [3, 8]");
  refused(up + ".qzeros", torch::zeros({3, 8}, torch::kInt64), "'" + up + ".qzeros' has dtype I64, expected I32");
  refused(up + ".scales", {}, "no tensor '" + up + ".scales'");
  refused(up + ".scales", torch::zeros({2, 64}), "'" + up + ".scales' has shape [2, 64], expected [3, 64]");
  refused(up + ".scales", integers({3, 64}), "'" + up + ".scales' has dtype I32, expected F32, F16 or BF16");
  refused(up + ".g_idx", integers({47}), "'" + up + ".g_idx' has shape [47], expected [48]");
  refused(up + ".g_idx", torch::zeros({48}), "'" + up + ".g_idx' has dtype F32, expected I32");
  for (const int outside : {-1, 3, 1 << 30}) {
    torch::Tensor places = tensors[up + ".g_idx"].clone();
    places[17] = outside;
    refused(up + ".g_idx", places,
            "'" + up + ".g_idx' puts an input into group " + std::to_string(outside) + ", and there are 3");
  }
  plain.rewrite();
  CHECK(plain.is_read_as_it_was());
  change_config(plain.folder.path(), [](json& config) { config["quantization_config"]["dynamic"] = {{"x", 1}}; });
  CHECK(plain.is_read_as_it_was());
  refused(up + ".qweight", integers({0, 64}), "'" + up + ".qweight' has shape [0, 64]");
  refused(up + ".qweight", integers({9, 64}), "'" + up + ".qweight' has shape [9, 64]");
  refused(up + ".scales", torch::zeros({1000, 64}), "'" + up + ".scales' has shape [1000, 64], expected [48, 64]");
  refused(up + ".scales", torch::zeros({0, 64}), "'" + up + ".scales' has shape [0, 64], expected [3, 64]");
  plain.rewrite();
  change_config(plain.folder.path(), [](json& config) { config["quantization_config"]["desc_act"] = true; });
  refused(up + ".g_idx", {}, "no tensor '" + up + ".g_idx', which desc_act in config.json needs");
}

TEST_CASE("kinds of GPTQ and other methods that lmf does not read are refused by name") {
  const Checkpoint plain;
  const auto refused = [&](const char* key, const json& value, const std::string& why) {
    const auto file = plain.folder.path() / "config.json";
    const std::string before = lmf::read_file(file);
    change_config(plain.folder.path(), [&](json& config) { config["quantization_config"][key] = value; });
    plain.refuses("config.json: quantization_config");
    plain.refuses(why);
    lmf::write_file_atomically(file, before);
  };
  refused("bits", 3, "bits is 3, and lmf reads GPTQ of 4 or 8");
  refused("bits", nullptr, "bits is missing");
  refused("group_size", 0, "group_size is 0");
  refused("group_size", nullptr, "group_size is missing");
  refused("checkpoint_format", "marlin", "checkpoint_format is 'marlin'");
  refused("pack_dtype", "int64", "pack_dtype is 'int64'");
  refused("adapter", {{"name", "lora"}}, "adapter is");
  refused("is_marlin_format", true, "is_marlin_format is true");
  for (const char* method : {"awq", "bitsandbytes", "fp8", "compressed-tensors"})
    refused("quant_method", method, std::string("(\"") + method + "\")");
  refused("quant_method", nullptr, "no method");
  // Who trains or exports asks for weights that are not quantised.
  CHECK_THROWS_WITH_AS(DecoderSpec::read(plain.folder.path()), doctest::Contains("lmf trains and exports"), lmf::Error);
  CHECK(DecoderSpec::read(plain.folder.path(), Quantized::gptq).gptq->bits == 4);
  const auto alone = plain.folder.path() / "quantize_config.json";
  change_config(plain.folder.path(), [](json& config) { config.erase("quantization_config"); });
  lmf::write_file_atomically(alone, R"({"bits": 4, "group_size": 16})");
  CHECK_THROWS_WITH_AS(DecoderSpec::read(plain.folder.path()),
                       doctest::Contains("quantize_config.json is there (\"gptq\"): the weights are quantised, and lmf "
                                         "trains and exports those that are not"),
                       lmf::Error);
  CHECK(DecoderSpec::read(plain.folder.path(), Quantized::gptq).gptq->bits == 4);
  lmf::write_file_atomically(alone, R"({"bits": 4, "group_size": 16, "quant_method": "awq"})");
  plain.refuses("quantize_config.json is there (\"awq\"): of quantised weights lmf reads gptq's");
}
