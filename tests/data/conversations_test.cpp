// Conversations of sharegpt's and openai's form, with tools and thoughts, against the original's tokens.
#include <doctest/doctest.h>

#include <fstream>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "data/encoded_records.hpp"
#include "data/sft_example.hpp"
#include "data/token_store.hpp"
#include "support/places.hpp"

using namespace lmf;
using namespace lmf::data;

namespace {

using Json = nlohmann::json;

DatasetDescription description_of(const std::string& data) {
  DatasetDescription dataset;
  dataset.formatting = data == "openai" ? Formatting::openai : Formatting::sharegpt;
  dataset.columns.tools = "tools";
  if (data == "sharegpt") {
    dataset.columns.system = "system";
    return dataset;
  }
  dataset.columns.messages = "messages";
  dataset.tags = {"role", "content", "user", "assistant", "tool", "function", "system"};
  return dataset;
}

text::ChatTemplate template_of(const Json& row, text::Tokenizer& tokenizer) {
  auto chat_template = load_template(row.at("template"));
  const std::string format = row.value("tool_format", chat_template.tool_format_name);
  if (row.contains("tool_format"))
    chat_template.set_tool_format(test::share(), format);
  else
    chat_template.tool_format = std::make_shared<text::ToolFormat>(text::ToolFormat::load(test::share(), format));
  if (row.contains("enable_thinking") && row.at("enable_thinking").is_null())
    chat_template.enable_thinking.reset();
  else
    chat_template.enable_thinking = row.value("enable_thinking", true);
  chat_template.preserve_thinking = row.value("preserve_thinking", false);
  chat_template.repair(tokenizer);
  return chat_template;
}

std::vector<SftExample> encode_row(const Json& row) {
  auto tokenizer = text::Tokenizer::load(test::fixtures() / "data/tokenizer");
  const auto chat_template = template_of(row, tokenizer);
  const std::string data = row.at("data");
  return encode_records(data + ".json", description_of(data), row, row.at("prediction").get<bool>(), tokenizer,
                        chat_template);
}

/// As make_conversations.py: FNV-1a of 64 bits over the numbers' text.
void add(std::uint64_t& digest, const std::vector<std::int32_t>& numbers) {
  for (const std::int32_t number : numbers)
    for (const char byte : std::to_string(number) + ",")
      digest = (digest ^ static_cast<unsigned char>(byte)) * 0x100000001b3ULL;
}

}  // namespace

TEST_CASE("turns with tools, calls, results and thoughts have the original's ids and labels") {
  const auto expected = Json::parse(std::ifstream(test::fixtures() / "data/conversations.json"));
  REQUIRE(expected.size() > 60);
  std::size_t compared = 0;
  for (const auto& row : expected) {
    Json settings = row;
    settings.erase("rows");
    CAPTURE(settings.dump());
    const auto examples = encode_row(row);
    REQUIRE(examples.size() == row.at("rows").size());
    for (std::size_t i = 0; i < examples.size(); ++i) {
      CAPTURE(i);
      const auto& [ids, labels, full_length] = examples[i];
      const auto& [size, learned_size, digest, dated] =
          row.at("rows")[i].get<std::tuple<std::int64_t, std::int64_t, std::string, int>>();
      std::vector<std::int32_t> learned;
      std::ranges::copy_if(labels, std::back_inserter(learned), [](std::int32_t label) { return label != kIgnore; });
      CHECK(std::ssize(learned) == learned_size);
      std::uint64_t found = 0xcbf29ce484222325ULL;
      if (dated) {
        add(found, learned);
      } else {
        CHECK(std::ssize(ids) == size);
        add(found, ids);
        add(found, labels);
      }
      CHECK(fmt::format("{:016x}", found) == digest);
      ++compared;
    }
  }
  MESSAGE(compared << " examples compared");
}
