#include "data/sft_example.hpp"

#include <doctest/doctest.h>

#include <fstream>

#include <nlohmann/json.hpp>

#include "data/encoded_records.hpp"
#include "data/token_store.hpp"
#include "support/places.hpp"

using namespace lmf;
using namespace lmf::data;

namespace {

const nlohmann::json& expected() {
  static const auto json = nlohmann::json::parse(std::ifstream(test::fixtures() / "data/expected.json"));
  return json;
}

std::vector<SftExample> encode_records(const nlohmann::json& row) {
  auto chat_template = load_template(row.at("template"));
  if (row.contains("default_system")) chat_template.default_system = row.at("default_system");
  auto tokenizer = text::Tokenizer::load(test::fixtures() / "data/tokenizer");
  chat_template.repair(tokenizer);
  DatasetDescription dataset;
  dataset.columns.history = "history";
  dataset.columns.system = "system";
  return encode_records("records.json", dataset, row, row.contains("prompts"), tokenizer, chat_template);
}

}  // namespace

TEST_CASE("a budget is shared between question and answer as the original does") {
  for (const auto& row : expected().at("shares")) {
    const Share share = share_budget(row[0], row[1], row[2]);
    CAPTURE(row.dump());
    CHECK(share.source == row[3]);
    CHECK(share.target == row[4]);
  }
}

TEST_CASE("ids and labels equal the original's for every template, cutoff and way of masking") {
  for (const auto& row : expected().at("rows")) {
    const auto examples = encode_records(row);
    CAPTURE(row.at("template").get<std::string>());
    CAPTURE(row.value("cutoff_len", 2048));
    REQUIRE(examples.size() == row.at("ids").size());
    for (std::size_t i = 0; i < examples.size(); ++i) {
      CAPTURE(i);
      CHECK(examples[i].ids == row.at("ids")[i].get<std::vector<std::int32_t>>());
      CHECK(examples[i].labels == row.at("labels")[i].get<std::vector<std::int32_t>>());
    }
  }
}

TEST_CASE("the full length says how much truncation cost") {
  nlohmann::json row = {{"template", "qwen"}, {"cutoff_len", 2048}};
  const auto whole = encode_records(row);
  row["cutoff_len"] = 20;
  const auto cut = encode_records(row);
  for (std::size_t i = 0; i < cut.size(); ++i) {
    CHECK(whole[i].full_length == static_cast<std::int64_t>(whole[i].ids.size()));
    CHECK(cut[i].full_length == whole[i].full_length);
    CHECK(cut[i].ids.size() == 20);
  }
}

TEST_CASE("prompts and answers of predictions equal the original's, and only the answers are labels") {
  REQUIRE(expected().at("predictions").size() == 6);
  for (const auto& row : expected().at("predictions")) {
    const auto examples = encode_records(row);
    CAPTURE(row.at("template").get<std::string>());
    CAPTURE(row.at("cutoff_len").get<int>());
    REQUIRE(examples.size() == row.at("prompts").size());
    for (std::size_t i = 0; i < examples.size(); ++i) {
      CAPTURE(i);
      auto ids = row.at("prompts")[i].get<std::vector<std::int32_t>>();
      std::vector<std::int32_t> labels(ids.size(), kIgnore);
      for (const std::int32_t id : row.at("answers")[i]) {
        ids.push_back(id);
        labels.push_back(id);
      }
      CHECK(examples[i].ids == ids);
      CHECK(examples[i].labels == labels);
    }
  }
}
