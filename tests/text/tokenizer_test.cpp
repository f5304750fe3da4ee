#include <doctest/doctest.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <thread>
#include <vector>

#include <nlohmann/json.hpp>

#include "base/files.hpp"
#include "lmf/error.hpp"
#include "support/places.hpp"
#include "text/tokenizer.hpp"
#include "text/unicode.hpp"

namespace {

using lmf::text::StreamDecoder;
using lmf::text::Tokenizer;
using Ids = std::vector<std::int32_t>;
using Json = nlohmann::json;

std::filesystem::path fixture(const std::string& name) { return lmf::test::fixtures() / "text" / name; }

Json cases_of(const std::string& name) { return Json::parse(lmf::read_file(fixture(name) / "cases.json")); }

const std::vector<std::string> kStyles = {"gpt2",  "prefix_space", "llama3", "qwen2",   "tekken",  "smollm", "llama2",
                                          "gemma", "flags",        "suffix", "subword", "removed", "next"};

std::string streamed(const Tokenizer& tokenizer, const Ids& ids, bool skip) {
  StreamDecoder decoder(tokenizer, skip);
  std::string text;
  for (const std::int32_t id : ids) {
    const std::string piece = decoder.push(id);
    CHECK(lmf::text::unicode::valid_prefix(piece) == piece.size());
    text += piece;
  }
  return text + decoder.finish();
}

void check_decoding(const Tokenizer& tokenizer, const Json& expected) {
  const Ids ids = expected["ids"];
  CHECK(tokenizer.decode(ids) == expected["decoded"]);
  CHECK(tokenizer.decode(ids, true) == expected["skipped"]);
  CHECK(streamed(tokenizer, ids, false) == expected["decoded"]);
  CHECK(streamed(tokenizer, ids, true) == expected["skipped"]);
}

}  // namespace

TEST_CASE("every style of tokenizer.json gives the ids and texts of the tokenizers package") {
  for (const std::string& style : kStyles) {
    INFO(style);
    const Tokenizer tokenizer = Tokenizer::load(fixture(style));
    for (const Json& expected : cases_of(style)) {
      INFO(expected.dump());
      if (expected.contains("text")) {
        const std::string text = expected["text"];
        CHECK(tokenizer.encode(text) == expected["ids"].get<Ids>());
        CHECK(tokenizer.encode(text, true) == expected["with_special"].get<Ids>());
        CHECK(tokenizer.encode(text, false, true) == expected["split"].get<Ids>());
      }
      check_decoding(tokenizer, expected);
    }
  }
}

TEST_CASE("many threads encode as one does") {
  const Tokenizer tokenizer = Tokenizer::load(fixture("qwen2"));
  const Json cases = cases_of("qwen2");
  std::vector<int> wrong(4);
  std::vector<std::thread> threads;
  for (int& count : wrong)
    threads.emplace_back([&] {
      for (int round = 0; round < 5; ++round)
        for (const Json& expected : cases)
          if (expected.contains("text") &&
              tokenizer.encode(expected["text"].get<std::string>()) != expected["ids"].get<Ids>())
            ++count;
    });
  for (std::thread& thread : threads) thread.join();
  CHECK(wrong == std::vector<int>(4, 0));
}

TEST_CASE("invalid UTF-8 is encoded as U+FFFD") {
  const Tokenizer tokenizer = Tokenizer::load(fixture("gpt2"));
  CHECK(tokenizer.encode("a\xFFz") == tokenizer.encode("a\uFFFDz"));
}

TEST_CASE("a long word without blanks takes n log n steps and gives the short way's tokens") {
  const Tokenizer tokenizer = Tokenizer::load(fixture("gpt2"));
  std::string word;
  for (int i = 0; i < 30000; ++i) word += "ship";  // 120 kB: quadratic joining would take minutes
  const Ids ids = tokenizer.encode(word);
  CHECK(tokenizer.decode(ids) == word);
  // The pattern repeats, so its middle is as regular as that of a word joined the short way.
  const Ids shorter = tokenizer.encode("shipshipshipship");
  CHECK(ids.size() <= shorter.size() * 7501);
  CHECK(std::vector(ids.begin(), ids.begin() + 2) == std::vector(shorter.begin(), shorter.begin() + 2));
}

TEST_CASE("streaming holds back a begun character and gives it up at the end") {
  const Tokenizer tokenizer = Tokenizer::load(fixture("gpt2"));
  const Ids ids = tokenizer.encode("\U0001F600");
  REQUIRE(ids.size() > 1);
  StreamDecoder decoder(tokenizer);
  for (std::size_t i = 0; i + 1 < ids.size(); ++i) CHECK(decoder.push(ids[i]).empty());
  CHECK(decoder.push(ids.back()) == "\U0001F600");
  CHECK(decoder.push(ids.front()).empty());
  CHECK(decoder.finish() == "\uFFFD");
  CHECK(decoder.finish().empty());
}

TEST_CASE("a folder without a tokenizer is named") {
  const lmf::test::TemporaryFolder folder;
  CHECK_THROWS_WITH_AS(Tokenizer::load(folder.path()), doctest::Contains(folder.path().c_str()), lmf::Error);
}

TEST_CASE("sentencepiece models give the library's ids and texts, special tokens among them") {
  const Tokenizer tokenizer = Tokenizer::load(fixture("sentencepiece"));
  for (const Json& expected : cases_of("sentencepiece")) {
    INFO(expected.dump());
    const Ids ids = expected["ids"];
    CHECK(tokenizer.encode(expected["text"].get<std::string>()) == ids);
    CHECK(tokenizer.decode(ids) == expected["decoded"]);
    CHECK(streamed(tokenizer, ids, false) == expected["decoded"]);
  }
  const std::int32_t bos = tokenizer.bos_id().value(), eos = tokenizer.eos_id().value();
  CHECK(tokenizer.adds_bos());
  const Ids hello = tokenizer.encode("the ship");
  Ids whole = {bos};
  whole.insert(whole.end(), hello.begin(), hello.end());
  CHECK(tokenizer.encode("the ship", true) == whole);
  whole.push_back(eos);
  CHECK(tokenizer.encode("<s>the ship</s>") == whole);
  CHECK(tokenizer.decode(whole, true) == "the ship");
  CHECK(tokenizer.decode(whole) == "<s> the ship</s>");
  CHECK(tokenizer.encode("<s>the") == Ids{bos, tokenizer.encode("the").at(0)});
  CHECK(tokenizer.encode("the ship</s>", false, true).back() != eos);
}

TEST_CASE("a sentencepiece model that is not legacy puts no blank behind special tokens") {
  const lmf::test::TemporaryFolder folder;
  lmf::write_file_atomically(folder.path() / "tokenizer.model",
                             lmf::read_file(fixture("sentencepiece") / "tokenizer.model"));
  const Tokenizer legacy = Tokenizer::load(folder.path());
  CHECK(legacy.special().bos == "<s>");
  CHECK(legacy.adds_bos());
  lmf::write_file_atomically(folder.path() / "tokenizer_config.json", R"({"legacy": false})");
  const Tokenizer tokenizer = Tokenizer::load(folder.path());
  CHECK(tokenizer.encode("the ship") == legacy.encode("the ship"));
  CHECK(legacy.decode(legacy.encode("<s>the ship")) == "<s> the ship");
  CHECK(tokenizer.decode(tokenizer.encode("<s>the ship")) == "<s>the ship");
}

TEST_CASE("a tokenizer.model that is none is refused by name") {
  const std::string whole = lmf::read_file(fixture("sentencepiece") / "tokenizer.model");
  for (const std::string& content :
       {std::string(), std::string("nonsense"), whole.substr(0, 100), whole.substr(0, 5000)}) {
    const lmf::test::TemporaryFolder folder;
    lmf::write_file_atomically(folder.path() / "tokenizer.model", content);
    CHECK_THROWS_WITH_AS(Tokenizer::load(folder.path()), doctest::Contains("tokenizer.model"), lmf::Error);
  }
}
