#include "infer/sampler.hpp"

#include <cmath>
#include <fstream>
#include <limits>
#include <map>

#include <doctest/doctest.h>
#include <nlohmann/json.hpp>

#include "lmf/error.hpp"
#include "support/places.hpp"

using lmf::infer::Sampler;
using lmf::infer::Sampling;

namespace {

std::map<int, double> distribution(const Sampling& sampling, const std::vector<float>& logits,
                                   const std::vector<std::int32_t>& seen = {}) {
  Sampler sampler(sampling, static_cast<std::int64_t>(logits.size()));
  sampler.observe_prompt(seen);
  std::map<int, double> probabilities;
  for (const auto& candidate : sampler.distribution(logits)) probabilities[candidate.id] = candidate.probability;
  return probabilities;
}

std::vector<std::int32_t> draw(const Sampling& sampling, const std::vector<float>& logits, int count) {
  Sampler sampler(sampling, static_cast<std::int64_t>(logits.size()));
  std::vector<std::int32_t> ids;
  for (int i = 0; i < count; ++i) ids.push_back(sampler.next(logits));
  return ids;
}

const Sampling kPlain{
    .do_sample = true, .temperature = 1, .top_k = 0, .top_p = 1, .repetition_penalty = 1, .seed = 1, .stream = 0};

}  // namespace

TEST_CASE("temperature, top_k and top_p leave what a calculation by hand leaves") {
  const std::vector<float> logits = {std::log(1.0f), std::log(2.0f), std::log(4.0f),
                                     std::log(3.0f)};  // p = .1 .2 .4 .3
  SUBCASE("nothing set: the softmax") {
    const auto p = distribution(kPlain, logits);
    REQUIRE(p.size() == 4);
    CHECK(p.at(0) == doctest::Approx(0.1));
    CHECK(p.at(2) == doctest::Approx(0.4));
  }
  SUBCASE("temperature 1/2 squares the odds") {
    Sampling sampling = kPlain;
    sampling.temperature = 0.5;
    const auto p = distribution(sampling, logits);  // 1 : 4 : 16 : 9
    CHECK(p.at(1) == doctest::Approx(4.0 / 30));
    CHECK(p.at(2) == doctest::Approx(16.0 / 30));
  }
  SUBCASE("top_k 2 shares everything among two") {
    Sampling sampling = kPlain;
    sampling.top_k = 2;
    const auto p = distribution(sampling, logits);
    REQUIRE(p.size() == 2);
    CHECK(p.at(2) == doctest::Approx(4.0 / 7));
    CHECK(p.at(3) == doctest::Approx(3.0 / 7));
  }
  SUBCASE("top_p 0.75 needs the third, whose predecessors reach 0.7 only") {
    Sampling sampling = kPlain;
    sampling.top_p = 0.75;
    const auto p = distribution(sampling, logits);
    REQUIRE(p.size() == 3);
    CHECK(p.at(1) == doctest::Approx(2.0 / 9));
  }
  SUBCASE("top_p 0 keeps the likeliest") {
    Sampling sampling = kPlain;
    sampling.top_p = 0;
    CHECK(distribution(sampling, logits) == std::map<int, double>{{2, 1.0}});
  }
}

TEST_CASE("where the bias forbids all that could come next, it is at fault, and not the model") {
  Sampling sampling;
  sampling.logit_bias = {{0, -100}, {2, -100}};
  constexpr float kNever = -std::numeric_limits<float>::infinity();
  for (const bool samples : {true, false}) {
    sampling.do_sample = samples;
    try {
      Sampler(sampling, 3).next(std::vector<float>{1, kNever, 2});  // a form asks for 0 or 2
      FAIL("a token was chosen");
    } catch (const lmf::Error& error) {
      CHECK(std::string(error.what()) == "logit_bias forbids every token that could come next");
      CHECK(error.exit_status() == lmf::kExitUsage);
    }
  }
}

TEST_CASE("repetition_penalty divides positive and multiplies negative logits, once for each token seen") {
  Sampling sampling = kPlain;
  sampling.repetition_penalty = 2;
  const auto p = distribution(sampling, {2, -1, 0.5}, {0, 1, 0, 0});  // scores 1, -2, 0.5
  const double sum = std::exp(1.0) + std::exp(-2.0) + std::exp(0.5);
  CHECK(p.at(0) == doctest::Approx(std::exp(1.0) / sum));
  CHECK(p.at(1) == doctest::Approx(std::exp(-2.0) / sum));

  sampling.do_sample = false;  // the penalty counts for greedy answers too, and for tokens that were just chosen
  CHECK(draw(sampling, {2, 1.5, 0}, 2) == std::vector<std::int32_t>{0, 1});
}

TEST_CASE("tokens as likely as the last of top_k stay, as in transformers") {
  Sampling sampling = kPlain;
  sampling.top_k = 2;
  CHECK(distribution(sampling, {1, 3, 1, 0}).size() == 3);
}

TEST_CASE("distributions equal transformers' on random logits") {
  std::ifstream file(lmf::test::fixtures() / "infer/sampling.json");
  const auto cases = nlohmann::json::parse(file);
  double largest = 0;
  for (const auto& entry : cases) {
    const Sampling sampling{.do_sample = true,
                            .temperature = entry.at("temperature"),
                            .top_k = entry.at("top_k"),
                            .top_p = entry.at("top_p"),
                            .repetition_penalty = entry.at("repetition_penalty")};
    const auto p = distribution(sampling, entry.at("logits"), entry.at("seen"));
    const std::vector<int> ids = entry.at("ids");
    REQUIRE(p.size() == ids.size());
    for (std::size_t i = 0; i < ids.size(); ++i) {
      REQUIRE(p.contains(ids[i]));
      largest = std::max(largest, std::abs(p.at(ids[i]) - entry.at("probabilities")[i].get<double>()));
    }
  }
  MESSAGE("largest difference of a probability: " << largest);
  CHECK(largest < 1e-6);  // scores are fp32 (2^-24 relative, of magnitude < 20); probabilities are exact from there
}

TEST_CASE("greedy takes the likeliest and, of equals, the lowest id; temperature 0 is greedy") {
  Sampling greedy = kPlain;
  greedy.do_sample = false;
  CHECK(draw(greedy, {1, 5, 5, 2}, 1).front() == 1);
  Sampling cold = kPlain;
  cold.temperature = 0;
  CHECK(draw(cold, {1, 5, 5, 2}, 1).front() == 1);
}

TEST_CASE("equal seed and stream draw the same tokens, another seed or stream draws others") {
  const std::vector<float> flat(1000, 0.0f);
  Sampling other_seed = kPlain, other_stream = kPlain;
  other_seed.seed = 2;
  other_stream.stream = 1;
  CHECK(draw(kPlain, flat, 20) == draw(kPlain, flat, 20));
  CHECK(draw(kPlain, flat, 20) != draw(other_seed, flat, 20));
  CHECK(draw(kPlain, flat, 20) != draw(other_stream, flat, 20));
}

TEST_CASE("drawn frequencies follow the probabilities") {
  const std::vector<float> logits = {std::log(1.0f), std::log(2.0f), std::log(4.0f), std::log(3.0f)};
  constexpr int kDraws = 100000;
  std::vector<int> counts(4, 0);
  for (const auto id : draw(kPlain, logits, kDraws)) ++counts[static_cast<std::size_t>(id)];
  double chi_squared = 0;
  const std::vector<double> expected = {0.1, 0.2, 0.4, 0.3};
  for (std::size_t i = 0; i < 4; ++i) {
    const double difference = counts[i] - expected[i] * kDraws;
    chi_squared += difference * difference / (expected[i] * kDraws);
  }
  MESSAGE("chi squared " << chi_squared);
  CHECK(chi_squared < 16.27);  // 3 degrees of freedom, p = 0.001; the seed is fixed, so the test is not a lottery
}

TEST_CASE("a whole vocabulary's nucleus is found without top_k") {
  std::vector<float> logits(50000);
  for (std::size_t i = 0; i < logits.size(); ++i) logits[i] = static_cast<float>(i % 977) * 1e-3f;
  Sampling sampling = kPlain;
  sampling.top_p = 0.99;
  double sum = 0;
  const auto p = distribution(sampling, logits);
  for (const auto& [id, probability] : p) sum += probability;
  CHECK(sum == doctest::Approx(1));
  CHECK(p.size() > 45000);
  CHECK(p.size() < 49900);
}

TEST_CASE("values out of range and logits that are no numbers give a sentence") {
  const auto message = [](Sampling sampling) {
    try {
      sampling.check();
    } catch (const lmf::Error& error) {
      CHECK(error.exit_status() == lmf::kExitUsage);
      return std::string(error.what());
    }
    return std::string();
  };
  CHECK(message({.temperature = -1}) == "temperature is -1, expected a number of at least 0");
  CHECK(message({.top_k = -3}) == "top_k is -3, expected 0 (all tokens) or more");
  CHECK(message({.top_p = 1.5}) == "top_p is 1.5, expected a number between 0 and 1");
  CHECK(message({.repetition_penalty = 0}) == "repetition_penalty is 0, expected a number between 0.01 and 100");
  CHECK(message({.repetition_penalty = 1e308}).starts_with("repetition_penalty is 1e+308, "));
  const float nan = std::numeric_limits<float>::quiet_NaN(), infinity = std::numeric_limits<float>::infinity();
  CHECK_THROWS_WITH_AS(draw(kPlain, {0, nan}, 1), "the model's output for token 1 is not a number", lmf::Error);
  CHECK_THROWS_AS(draw(kPlain, {0, infinity}, 1), lmf::Error);
  CHECK_THROWS_AS(draw(kPlain, {-infinity, -infinity}, 1), lmf::Error);
}
