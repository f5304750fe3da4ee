#include <doctest/doctest.h>

#include <random>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "base/files.hpp"
#include "lmf/error.hpp"
#include "support/contains.hpp"
#include "support/places.hpp"
#include "text/tokenizer_model.hpp"

using lmf::test::contains;

namespace {

using Json = nlohmann::json;

std::string tokenizer_json(const std::string& style) {
  return lmf::read_file(lmf::test::fixtures() / "text" / style / "tokenizer.json");
}

/// The error's sentence for a tokenizer.json changed by `change`.
template <class Change>
std::string refusal(Change&& change) {
  Json document = Json::parse(tokenizer_json("llama2"));
  change(document);
  try {
    lmf::text::parse_tokenizer_json(document.dump(), "here/tokenizer.json");
  } catch (const lmf::Error& error) {
    return error.what();
  }
  return "accepted";
}

/// Reads it; if it is a tokenizer, uses it. Anything but an Error or an answer fails the test (or the sanitizer).
void use(const std::string& json) {
  try {
    const auto tokenizer = lmf::text::parse_tokenizer_json(json, "mutant");
    std::vector<std::int32_t> ids;
    for (const char* text : {"The lighthouse's <s>ships</s>  \u706f\u53f0 \U0001F600\n\n 1234", " ", "[L] x <mask> y"})
      tokenizer->encode(text, false, ids);
    for (std::int32_t id = -2; id < 600; id += 7) ids.push_back(id);
    tokenizer->decode(ids, false);
    tokenizer->decode(ids, true);
  } catch (const lmf::Error&) {
  }
}

}  // namespace

TEST_CASE("what is missing, wrong or not supported is named with its place") {
  CHECK(contains(refusal([](Json& j) { j.erase("model"); }), "here/tokenizer.json: model"));
  CHECK(contains(refusal([](Json& j) { j["version"] = "2.0"; }), "version"));
  CHECK(contains(refusal([](Json& j) { j["model"]["type"] = "WordPiece"; }), "\"WordPiece\" model is not supported"));
  CHECK(contains(refusal([](Json& j) { j["model"]["type"] = "Unigram"; }), "\"Unigram\" model is not supported"));
  CHECK(contains(refusal([](Json& j) { j["model"]["dropout"] = 0.1; }), "dropout"));
  CHECK(contains(refusal([](Json& j) { j["model"]["vocab"] = Json::array(); }), "model.vocab"));
  CHECK(contains(refusal([](Json& j) { j["model"]["vocab"]["x"] = -1; }), "the id of \"x\""));
  CHECK(contains(refusal([](Json& j) { j["model"]["vocab"]["x"] = 99999999999; }), "the id of \"x\""));
  CHECK(contains(refusal([](Json& j) { j["model"]["vocab"]["x"] = 1.5; }), "the id of \"x\""));
  CHECK(contains(refusal([](Json& j) { j["model"]["merges"][3] = "no-blank"; }), "entry 3"));
  CHECK(contains(refusal([](Json& j) { j["model"]["merges"][3] = "a b c"; }), "entry 3"));
  CHECK(contains(refusal([](Json& j) { j["model"]["merges"][3] = {"nobody", "knows"}; }), "\"nobody\""));
  CHECK(contains(refusal([](Json& j) { j["model"]["merges"][3] = {"one"}; }), "entry 3"));
  CHECK(contains(refusal([](Json& j) { j["normalizer"] = {{"type", "Precompiled"}}; }), "normalizer \"Precompiled\""));
  CHECK(contains(refusal([](Json& j) { j["normalizer"]["normalizers"][0] = 5; }), "normalizer.normalizers[0]"));
  CHECK(contains(refusal([](Json& j) { j["pre_tokenizer"] = {{"type", "UnicodeScripts"}}; }), "\"UnicodeScripts\""));
  CHECK(contains(refusal([](Json& j) {
                   j["pre_tokenizer"] = {{"type", "Metaspace"}, {"replacement", "xy"}};
                 }),
                 "one character"));
  CHECK(contains(refusal([](Json& j) { j["decoder"]["decoders"][1] = {{"type", "CTC"}}; }), "decoder.decoders[1]"));
  CHECK(contains(refusal([](Json& j) { j["post_processor"] = {{"type", "Other"}}; }), "post-processor \"Other\""));
  CHECK(contains(refusal([](Json& j) { j["added_tokens"][0]["content"] = 3; }), "added_tokens[0]"));
  CHECK(contains(refusal([](Json& j) { j["added_tokens"][0]["lstrip"] = "yes"; }), "added_tokens[0].lstrip"));
}

TEST_CASE("text that is no JSON, cut JSON and deep JSON are refused") {
  for (const std::string& json :
       {std::string(), std::string("nonsense"), std::string("[]"), std::string("{\"model\": "), std::string("\xFF\xFE"),
        std::string(100000, '['), std::string(4096, '\0')})
    CHECK_THROWS_WITH_AS(lmf::text::parse_tokenizer_json(json, "file"), doctest::Contains("file"), lmf::Error);
  std::string nested = R"({"type":"NFC"})";
  for (int i = 0; i < 300; ++i) nested = R"({"type":"Sequence","normalizers":[)" + nested + "]}";
  Json document = Json::parse(tokenizer_json("llama2"));
  document["normalizer"] = Json::parse(nested);
  CHECK_THROWS_AS(lmf::text::parse_tokenizer_json(document.dump(), "file"), lmf::Error);
}

TEST_CASE("files with bytes changed, cut or doubled never crash") {
  std::mt19937 random(11);
  const auto below = [&](std::size_t bound) {
    return std::uniform_int_distribution<std::size_t>(0, bound - 1)(random);
  };
  for (const char* style : {"llama2", "llama3", "flags", "subword", "next"}) {
    const std::string original = tokenizer_json(style);
    for (int round = 0; round < 120; ++round) {
      std::string mutant = original;
      for (std::size_t changes = below(4) + 1; changes-- > 0;) {
        const std::size_t at = below(mutant.size()), length = below(40);
        switch (below(4)) {
          case 0:
            mutant[at] = static_cast<char>(below(256));
            break;
          case 1:
            mutant.erase(at, length);
            break;
          case 2:
            mutant.insert(at, mutant.substr(at, length));
            break;
          default:
            mutant.resize(at + 1);
            break;
        }
      }
      use(mutant);
    }
  }
}

TEST_CASE("values exchanged for others of any type never crash") {
  std::mt19937 random(12);
  const std::vector<Json> values = {
      nullptr, true, -1, 3, 1e300, "", "x", "\u2581", "(", Json::array(), Json::object(), {{"type", "Sequence"}}};
  for (const char* style : {"llama2", "llama3", "flags", "suffix", "removed", "next"}) {
    const Json original = Json::parse(tokenizer_json(style));
    std::vector<Json::json_pointer> places;
    const Json flat = original.flatten();
    for (const auto& [place, value] : flat.items())
      if (!place.starts_with("/model/vocab") && !place.starts_with("/model/merges"))
        for (Json::json_pointer pointer(place); !pointer.empty(); pointer = pointer.parent_pointer())
          places.push_back(pointer);
    for (int round = 0; round < 150; ++round) {
      Json mutant = original;
      mutant[places[random() % places.size()]] = values[random() % values.size()];
      use(mutant.dump());
    }
  }
}
