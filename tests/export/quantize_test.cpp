// GPTQ: rounding, packing, and a whole folder.
#include <doctest/doctest.h>

#include <cmath>

#include <torch/utils.h>

#include "export/small_model.hpp"
#include "lmf/error.hpp"
#include "linears.hpp"
#include "model/decoder.hpp"
#include "model/safetensors.hpp"
#include "quantize/activations.hpp"
#include "quantize/gptq.hpp"
#include "quantize/pack.hpp"
#include "quantize/quantize.hpp"

using namespace lmf::exporter;
using lmf::test::TemporaryFolder;
using torch::Tensor;
namespace model = lmf::model;
namespace fs = std::filesystem;

namespace {

/// Inputs that go together, as activations do: some directions are far stronger than others.
Tensor inputs(std::int64_t count, std::int64_t width) {
  torch::manual_seed(3);
  const Tensor mix = torch::randn({width / 8, width});
  return torch::mm(torch::randn({count, width / 8}), mix) + 0.1 * torch::randn({count, width});
}

Hessian hessian_of(const Tensor& x) {
  Hessian hessian;
  for (const Tensor& part : x.chunk(3)) hessian.add(part);
  return hessian;
}

const Activations::Sequences kCalibration = {{1, 2, 3, 30, 31, 32, 5, 9, 11, 400}, {7, 7, 9, 100, 200, 300, 5}};

/// A linear of the files by the format's description: from the packed numbers and nothing else.
Tensor weight_in(const model::Weights& files, const std::string& name, const Rounding& rounding) {
  const auto part = [&](const char* which) { return files.tensor(name + which); };
  std::vector<Tensor> codes;
  const Tensor words = part(".qweight").to(torch::kInt64);
  for (std::int64_t i = 0; i < 32 / rounding.bits; ++i)
    codes.push_back(torch::bitwise_and(torch::bitwise_right_shift(words, rounding.bits * i), rounding.largest()));
  const Tensor scale = part(".scales").to(torch::kFloat32).index_select(0, part(".g_idx").to(torch::kInt64));
  const Tensor code = torch::stack(codes, 1).flatten(0, 1).to(torch::kFloat32);
  return ((code - double(rounding.zero())) * scale).t();
}

}  // namespace

TEST_CASE("GPTQ changes a linear's outputs less than rounding each weight to the nearest does") {
  torch::manual_seed(5);
  const Tensor weight = torch::randn({48, 320});
  const Tensor hessian = hessian_of(inputs(600, 320)).mean();
  for (const std::int64_t bits : {4, 8})
    for (const std::int64_t group : {64, 32, -1}) {
      CAPTURE(bits);
      CAPTURE(group);
      const Rounding rounding{bits, group};
      const Tensor ours = quantize_gptq(weight, inverse_factor(hessian, 0.01), rounding).dequantized(rounding);
      const Tensor nearest = quantize_nearest(weight, rounding).dequantized(rounding);
      const double error = output_error(weight, ours, hessian), plain = output_error(weight, nearest, hessian);
      CHECK(error < 0.7 * plain);
      CHECK(error > 0);
      CHECK((weight - nearest).norm().item<double>() <= (weight - ours).norm().item<double>());
    }
}

TEST_CASE("the error that is reported is that of the outputs") {
  torch::manual_seed(5);
  const Tensor weight = torch::randn({8, 32}), x = inputs(100, 32), other = weight + 0.1 * torch::randn({8, 32});
  const double expected = (torch::mm(x, (weight - other).t()).norm() / torch::mm(x, weight.t()).norm()).item<double>();
  CHECK(output_error(weight, other, hessian_of(x).mean()) == doctest::Approx(expected).epsilon(1e-3));
  CHECK(torch::allclose(hessian_of(x).mean(), 2 * torch::mm(x.t(), x) / 100, 1e-4, 1e-4));
}

TEST_CASE("inputs that do not go together leave rounding to the nearest") {
  torch::manual_seed(6);
  const Tensor weight = torch::randn({16, 256});
  const Rounding rounding{4, 128};
  const Tensor factor = inverse_factor(torch::diag(torch::rand({256}) + 0.5), 0.01);
  const auto ours = quantize_gptq(weight, factor, rounding), nearest = quantize_nearest(weight, rounding);
  CHECK(torch::equal(ours.codes, nearest.codes));
  CHECK(torch::equal(ours.scales, nearest.scales));
}

TEST_CASE("inputs that are always 0, rows of zeros and few texts are no obstacle; what is no number is") {
  torch::manual_seed(7);
  Tensor x = inputs(4, 64), weight = torch::randn({8, 64});  // 4 inputs for 64 unknowns
  x.narrow(1, 10, 5).zero_();
  weight[3].zero_();
  const Rounding rounding{4, 32};
  const Tensor result =
      quantize_gptq(weight, inverse_factor(hessian_of(x).mean(), 0.01), rounding).dequantized(rounding);
  CHECK(torch::isfinite(result).all().item<bool>());
  CHECK(result[3].abs().max().item<double>() == 0);
  CHECK(output_error(weight, result, hessian_of(x).mean()) < 0.1);
  x[0][0] = NAN;
  CHECK_THROWS_AS(inverse_factor(hessian_of(x).mean(), 0.01), lmf::Error);
  weight[0][0] = 1e6;
  CHECK_THROWS_AS(quantize_nearest(weight, rounding), lmf::Error);
}

TEST_CASE("codes are packed as GPTQ checkpoints have them") {
  const Tensor codes = (torch::arange(8).unsqueeze(0) + 1 + torch::arange(8).unsqueeze(1)) % 16;  // [out, in]
  const Rounding four{4, -1};
  const auto packed = pack({codes.to(torch::kUInt8), torch::ones({1, 8}, torch::kFloat16)}, four);
  CHECK(packed.qweight.sizes().vec() == std::vector<std::int64_t>{1, 8});
  CHECK((packed.qweight.scalar_type() == torch::kInt32));
  CHECK(static_cast<std::uint32_t>(packed.qweight[0][0].item<std::int32_t>()) ==
        0x87654321u);  // inputs, the first lowest
  CHECK(static_cast<std::uint32_t>(packed.qweight[0][1].item<std::int32_t>()) == 0x98765432u);
  CHECK(packed.qzeros.sizes().vec() == std::vector<std::int64_t>{1, 1});
  CHECK(packed.qzeros[0][0].item<std::int32_t>() == 0x77777777);  // 8 less 1, of 8 outputs

  const Rounding eight{8, 4};
  const auto wide = pack({(codes * 17).to(torch::kUInt8), torch::ones({2, 8}, torch::kFloat16)}, eight);
  CHECK(wide.qweight.sizes().vec() == std::vector<std::int64_t>{2, 8});
  CHECK(wide.qweight[0][0].item<std::int32_t>() == 0x44332211);
  CHECK(static_cast<std::uint32_t>(wide.qweight[1][0].item<std::int32_t>()) == 0x88776655u);
  CHECK(wide.qzeros.sizes().vec() == std::vector<std::int64_t>{2, 2});
  CHECK(wide.qzeros[1][1].item<std::int32_t>() == 0x7f7f7f7f);
  CHECK(torch::equal(wide.g_idx, torch::tensor({0, 0, 0, 0, 1, 1, 1, 1}, torch::kInt32)));

  for (const Rounding& rounding : {Rounding{4, 32}, Rounding{8, 64}, Rounding{8, -1}}) {
    const Tensor any = torch::randint(0, rounding.largest() + 1, {24, 64}).to(torch::kUInt8);
    const Tensor scales = torch::rand({64 / rounding.columns_of(64), 24}).to(torch::kFloat16);
    const QuantizedWeight weight{any, scales};
    CHECK(torch::equal(pack(weight, rounding).dequantized(), weight.dequantized(rounding)));
  }
}

TEST_CASE("what linears are applied to adds up to what the layer computes") {
  const TemporaryFolder folder;
  lmf::test::write_small_model(folder.path());
  const StoredModel stored(folder.path(), {});
  const auto tokens = model::PackedTokens::from(kCalibration);
  const model::Layer layer = stored.layer(1);
  const Tensor x = stored.embedded(tokens.ids);
  const auto input = [&](model::LinearInput which) {
    return model::linear_input(layer, stored.spec(), x, tokens, which);
  };
  const Tensor normed = input(model::LinearInput::mlp), active = input(model::LinearInput::down);
  CHECK(torch::allclose(active, torch::silu(layer.gate.forward(normed, false)) * layer.up.forward(normed, false), 1e-5,
                        1e-6));
  const Tensor sum = x + layer.o.forward(input(model::LinearInput::output), false) + layer.down.forward(active, false);
  CHECK(torch::allclose(sum, model::layer_forward(layer, stored.spec(), x, tokens), 1e-5, 1e-6));
  const Tensor first = input(model::LinearInput::attention);
  CHECK(torch::allclose(first.square().mean(1), layer.input_norm.square().mean(), 0.5, 1e-3));
}

TEST_CASE("a folder is quantised: every other tensor as it was, and perplexities that a decoder confirms") {
  const TemporaryFolder place;
  const fs::path folder = place.path() / "model", merged = place.path() / "merged";
  lmf::test::write_small_model(folder);
  fs::copy(folder, merged);
  QuantizeJob job;
  job.folder = folder;
  job.dataset = "texts.jsonl";
  job.shard_bytes = 400'000;
  job.rounding = {8, 64};
  job.calibration = {{4, 5, 6, 7, 8, 9, 10, 11}, {100, 101, 102, 103}, {3, 2, 1}};
  job.held_out = kCalibration;
  quantize(job, "0.0");

  CHECK(!fs::exists(folder / "quantized"));
  CHECK(!fs::exists(folder / "model.safetensors"));
  const auto config = nlohmann::json::parse(lmf::read_file(folder / "config.json"));
  CHECK(config["quantization_config"] == nlohmann::json::parse(lmf::read_file(folder / "quantize_config.json")));
  CHECK(config["quantization_config"]["bits"] == 8);
  CHECK(config["quantization_config"]["group_size"] == 64);
  const auto files = model::Weights::open_model(folder), before = model::Weights::open_model(merged);
  CHECK(files.files().source().filename() == "model.safetensors.index.json");
  auto decoder = model::Decoder::load(merged, torch::kFloat32);
  const torch::NoGradGuard no_grad;
  const auto tokens = model::PackedTokens::from(kCalibration);
  const auto perplexity = [&] {
    const Tensor lost = -torch::log_softmax(decoder.logits(decoder.hidden(tokens)), 1);
    double sum = 0;
    std::int64_t count = 0;
    for (std::size_t s = 0; s < kCalibration.size(); ++s)
      for (std::size_t t = 0; t + 1 < kCalibration[s].size(); ++t, ++count)
        sum += lost[tokens.offsets[s] + static_cast<std::int64_t>(t)][kCalibration[s][t + 1]].item<double>();
    return std::exp(sum / double(count));
  };
  const double plain = perplexity();
  const auto linears = quantized_linears(decoder.spec());
  CHECK(linears.size() == 14);
  std::size_t quantised = 0;
  for (auto& [name, tensor] : decoder.slots()) {
    const std::string module = name.substr(0, name.rfind('.'));
    if (!linears.contains(module)) {
      CHECK(torch::equal(files.tensor(name), before.tensor(name)));
      continue;
    }
    ++quantised;
    CHECK(files.files().find(name) == nullptr);
    const Tensor rounded = weight_in(files, module, job.rounding);
    CHECK(torch::allclose(rounded, *tensor, 0, 0.02));
    CHECK(!torch::equal(rounded, *tensor));
    *tensor = rounded;
  }
  CHECK(quantised == linears.size());
  // The reader that chat and api have, bit by bit.
  const auto read = model::Decoder::load(folder, torch::kFloat32).parameters(), expected = decoder.parameters();
  REQUIRE(read.size() == expected.size());
  for (std::size_t i = 0; i < read.size(); ++i) CHECK(torch::equal(read[i].second, expected[i].second));
  const auto report = nlohmann::json::parse(lmf::read_file(folder / "export_report.json"))["quantization"];
  CHECK(report["perplexity"]["before"].get<double>() == doctest::Approx(plain).epsilon(1e-4));
  CHECK(report["perplexity"]["after"].get<double>() == doctest::Approx(perplexity()).epsilon(1e-4));
  CHECK(report["perplexity"]["after"] != report["perplexity"]["before"]);
  CHECK(report["calibration"]["tokens"] == 15);
  CHECK(report["relative_output_errors"].size() == 14);
  CHECK(report["seconds"] > 0);
  CHECK(report["peak_memory_mib"] > 1);
}

TEST_CASE("groups are as wide as all linears allow, and sides that no word divides are refused") {
  const TemporaryFolder place;
  const auto group = [&](std::int64_t hidden, std::int64_t intermediate, std::int64_t bits) {
    const fs::path folder = place.path() / std::to_string(intermediate);
    lmf::test::write_small_model(folder, {{"hidden_size", hidden}, {"intermediate_size", intermediate}});
    const auto spec = model::DecoderSpec::read(folder);
    fs::remove_all(folder);
    return group_for(spec, bits);
  };
  CHECK(group(128, 384, 4) == 128);
  CHECK(group(128, 320, 4) == 64);
  CHECK(group(128, 352, 8) == 32);
  CHECK(group(128, 360, 4) == -1);
  CHECK(group(128, 364, 8) == -1);
  CHECK_THROWS_AS(group(128, 364, 4), lmf::Error);
}
