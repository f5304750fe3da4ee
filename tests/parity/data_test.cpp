// Rows of the original's demo data as its trainer sees them, against the token store.
#include <doctest/doctest.h>

#include <fstream>

#include <nlohmann/json.hpp>

#include "data/prepare.hpp"
#include "parity/model_tokenizer.hpp"

using namespace lmf;

TEST_CASE("ids and labels of identity and alpaca_en_demo equal the original's") {
  const auto shared = *test::shared_directory();
  const auto expected =
      nlohmann::json::parse(std::ifstream(shared / "parity/dataset_rows.json")).at("sft:identity,alpaca_en_demo");
  const test::ModelTokenizerFolder folder;
  text::Tokenizer tokenizer = text::Tokenizer::load(folder.path());
  const auto chat_template = text::ChatTemplate::load(test::share(), "qwen");
  chat_template.repair(tokenizer);
  data::PrepareOptions options;
  options.datasets = {"identity", "alpaca_en_demo"};
  options.dataset_directory = shared / "data";
  options.cutoff_len = 512;
  options.max_samples = expected.at("rows").get<std::int64_t>() / 2;
  options.cache_directory = folder.path() / "cache";
  const auto report = data::prepare(options, tokenizer, chat_template);
  const auto store = data::TokenStore::open(report.store);
  CHECK(store.size() == expected.at("rows"));

  const auto& lengths = expected.at("lengths");
  for (std::size_t i = 0; i < lengths.size(); ++i) CHECK(store.length(static_cast<std::int64_t>(i)) == lengths[i]);
  const auto& first = expected.at("first");
  CHECK(first.size() > 0);
  for (std::size_t i = 0; i < first.size(); ++i) {
    const auto example = store[static_cast<std::int64_t>(i)];
    CHECK(std::vector(example.ids.begin(), example.ids.end()) ==
          first[i].at("input_ids").get<std::vector<std::int32_t>>());
    CHECK(std::vector(example.labels.begin(), example.labels.end()) ==
          first[i].at("labels").get<std::vector<std::int32_t>>());
  }
  MESSAGE(lengths.size() << " lengths and " << first.size() << " whole rows compared");
}
