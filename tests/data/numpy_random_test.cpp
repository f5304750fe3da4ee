#include "data/numpy_random.hpp"

#include "data/numpy_generator.hpp"

#include <doctest/doctest.h>

#include <fstream>

#include <nlohmann/json.hpp>

#include "support/places.hpp"

TEST_CASE("draws equal numpy's legacy generator, seed 42") {
  const auto expected = nlohmann::json::parse(std::ifstream(lmf::test::fixtures() / "data/expected.json")).at("draws");
  lmf::data::NumpyRandom random(42);
  using Numbers = std::vector<std::int64_t>;
  CHECK(random.permutation(7) == expected[0].get<Numbers>());
  CHECK(random.choice(7, 6) == expected[1].get<Numbers>());
  CHECK(random.permutation(40) == expected[2].get<Numbers>());
  CHECK(random.choice(1, 3) == expected[3].get<Numbers>());
  CHECK(random.choice(64, 9) == expected[4].get<Numbers>());
}

TEST_CASE("divisions equal numpy's newer generator") {
  const auto expected = nlohmann::json::parse(std::ifstream(lmf::test::fixtures() / "data/expected.json"));
  REQUIRE(expected.at("divisions").size() == 4);
  for (const auto& division : expected.at("divisions")) {
    CAPTURE(division.dump());
    lmf::data::NumpyGenerator generator(division[0].get<std::uint64_t>());
    CHECK(generator.permutation(division[1]) == division[2].get<std::vector<std::int64_t>>());
  }
}
