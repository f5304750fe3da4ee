#include "infer/json_grammar.hpp"

#include <doctest/doctest.h>

#include "infer/token_filter.hpp"
#include "lmf/error.hpp"
#include "support/places.hpp"

using namespace lmf::infer;
using Json = nlohmann::ordered_json;

namespace {

/// The product's rules, as the whole of a grammar.
Recogniser recogniser_of(const Json& schema) {
  Grammar grammar;
  const auto start = json_schema_rule(grammar, schema);
  return Recogniser(std::move(grammar), start);
}

bool accepts(Recogniser& recogniser, std::string_view text) {
  auto state = recogniser.start();
  for (const char byte : text) state = recogniser.next(state, static_cast<unsigned char>(byte));
  return recogniser.complete(state);
}

void check(const char* schema, const std::vector<std::string>& valid, const std::vector<std::string>& invalid) {
  CAPTURE(schema);
  auto recogniser = recogniser_of(Json::parse(schema));
  for (const std::string& text : valid) CHECK_MESSAGE(accepts(recogniser, text), text);
  for (const std::string& text : invalid) CHECK_FALSE_MESSAGE(accepts(recogniser, text), text);
}

std::string refusal(const char* schema) {
  try {
    recogniser_of(Json::parse(schema));
  } catch (const lmf::Error& error) {
    return error.what();
  }
  return {};
}

}  // namespace

TEST_CASE("each type has its texts and no others") {
  check(R"({"type":"integer"})", {"0", "-7", "120", "123456789012345"},
        {"", "-", "01", "1.0", "+1", "1e3", "1234567890123456", "\"1\""});
  check(R"({"type":"number"})", {"0", "-0.5", "12.25e-3", "1E9"}, {".5", "1.", "1e", "1e999", "NaN"});
  check(R"({"type":"boolean"})", {"true", "false"}, {"True", "null", "tru"});
  check(R"({"type":["null","string"]})", {"null", "\"\"", "\"a\""}, {"1"});
  check(R"({"type":"string"})", {R"("a b")", R"("\"\\\n\u00e9\uD7ff")", "\"é🦊\""},
        {"a", "\"a", "\"\n\"", R"("\x")", R"("\ud83d")", "\"\xC3\"", "\"\xED\xA0\x80\"", "\"\xF5\x80\x80\x80\""});
  check(R"({"type":"string","minLength":2,"maxLength":3})", {"\"ab\"", "\"aé🦊\""}, {"\"a\"", "\"abcd\""});
}

TEST_CASE("enum, const, anyOf") {
  check(R"({"const":"42"})", {"\"42\""}, {"42", "\"4\"", "\"42\" "});
  check(R"({"enum":["red",1,null,{"a":[]}]})", {"\"red\"", "1", "null", R"({"a":[]})"}, {"\"re\"", "2", "red"});
  check(R"({"anyOf":[{"type":"integer"},{"type":"array","items":{"type":"integer"}}]})", {"1", "[1, 2]"},
        {"[[1]]", "\"1\""});
}

TEST_CASE("arrays keep the number and the form of their items") {
  check(R"({"type":"array","items":{"type":"integer"},"minItems":1,"maxItems":3})", {"[1]", "[1,2]", "[1, 2, 3]"},
        {"[]", "[1,2,3,4]", "[1,]", "[ 1]", "[\"1\"]"});
  check(R"({"type":"array","maxItems":0})", {"[]"}, {"[1]"});
  check(R"({"type":"array","prefixItems":[{"type":"integer"},{"type":"boolean"}],"items":false})", {"[1,true]"},
        {"[1]", "[true,1]"});
}

TEST_CASE("objects have what is required, in order, and nothing that is not allowed") {
  const char* person = R"({"type":"object","properties":{"name":{"type":"string"},"age":{"type":"integer"},
    "tags":{"type":"array","items":{"type":"string"}}},"required":["age"],"additionalProperties":false})";
  check(person,
        {R"({"age":1})", R"({"name":"x","age":1})", R"({"name": "x", "age": 1, "tags": []})",
         R"({"age":1,"tags":["a"]})"},
        {"{}", R"({"name":"x"})", R"({"age":1,"name":"x"})", R"({"age":1,"more":2})", R"({"age":1,})",
         R"({"age":1,"age":2})"});
  check(R"({"type":"object","properties":{"a":{"type":"integer"}},"additionalProperties":{"type":"boolean"}})",
        {"{}", R"({"a":1})", R"({"b":true})", R"({"a":1,"b":true,"ab":false})", R"({"a":1,"é":true})", R"({"":true})"},
        {R"({"b":1})", R"({"a":true})", R"({"b":true,"a":true})", R"({"\u0061":true})"});
  check(R"({"type":"object"})", {"{}", R"({"x":[1,{"y":null}]})"}, {"[]", "{"});
  check(R"({"properties":{"a":{"const":1}}})", {"{}", R"({"a":1})"}, {R"({"b":1})"});
}

TEST_CASE("a schema may contain itself, behind a value") {
  check(
      R"({"$ref":"#/$defs/tree","$defs":{"tree":{"type":"object","properties":{"left":{"$ref":"#/$defs/tree"},"value":{"type":"integer"}},
    "required":["value"],"additionalProperties":false}}})",
      {R"({"value":1})", R"({"left":{"left":{"value":1},"value":2},"value":3})"}, {R"({"left":1,"value":2})"});
  CHECK(refusal(R"({"$ref":"#"})") == "the schema refers to itself without a value in between");
  CHECK(refusal(R"({"anyOf":[{"type":"null"},{"$ref":"#"}]})") ==
        "the schema refers to itself without a value in between");
}

TEST_CASE("what cannot be kept is refused by name and place") {
  CHECK(refusal("123") == "schema #: is no object");
  CHECK(refusal(R"({"type":"hiccup"})") == "schema #: 'type' is 'hiccup', which JSON Schema does not have");
  CHECK(refusal(R"({"type":"object","properties":{"a":{"type":"string","pattern":"x"}}})") ==
        "schema /properties/a: 'pattern' is not supported");
  CHECK(refusal(R"({"type":"integer","minimum":3})") == "schema #: 'minimum' is not supported");
  CHECK(refusal(R"({"$ref":"http://x"})") == "schema #: '$ref' http://x is not within the schema");
  CHECK(refusal(R"({"$ref":"#/nowhere"})") == "schema #: '$ref' #/nowhere names nothing");
  CHECK(refusal(R"({"enum":[]})") == "schema #: 'enum' is no list of values");
  CHECK(refusal(R"({"type":"array","minItems":3,"maxItems":2})") == "schema #: 'minItems' is larger than 'maxItems'");
  CHECK(refusal(R"({"type":"string","maxLength":999999})").starts_with("schema #: 'maxLength' is no number"));
  CHECK(refusal(R"({"type":"string","maxLength":-1})").starts_with("schema #: 'maxLength' is no number"));
}

TEST_CASE("a rule that would not be kept beside another is refused, and rules without a type are kept") {
  CHECK(refusal(R"({"$ref":"#/$defs/a","maxLength":5,"$defs":{"a":{"type":"string"}}})") ==
        "schema #: 'maxLength' beside '$ref' is not supported");
  CHECK(refusal(R"({"anyOf":[{"type":"string"}],"required":["a"]})") ==
        "schema #: 'required' beside 'anyOf' is not supported");
  CHECK(refusal(R"({"anyOf":[{"type":"string"}],"oneOf":[{"type":"string"}]})").find("beside") != std::string::npos);
  check(R"({"type":"string","enum":["a"]})", {"\"a\""}, {"\"b\""});
  check(R"({"minLength":3})", {"\"abc\""}, {"\"ab\""});
  check(R"({"maxItems":1})", {"[]", "[1]"}, {"[1,2]"});
  check(R"({"required":["a"]})", {R"({"a":1})"}, {"{}"});
}

TEST_CASE("a schema that names the same part in very many ways, or has very many values, is read at once") {
  Json many{{"$ref", "#/$defs/a0"}, {"$defs", Json::object()}};
  for (int i = 0; i < 30; ++i) {
    const Json next{{"$ref", "#/$defs/a" + std::to_string(i + 1)}};
    many["$defs"]["a" + std::to_string(i)] = Json{{"anyOf", {next, next}}};
  }
  many["$defs"]["a30"] = Json{{"type", "integer"}};
  auto doubled = recogniser_of(many);
  CHECK(accepts(doubled, "12"));
  Json values{{"enum", Json::array()}};
  for (int i = 0; i < 50000; ++i) values["enum"].push_back("v" + std::to_string(i));
  auto one_of_many = recogniser_of(values);
  CHECK(accepts(one_of_many, "\"v49999\""));
  CHECK_FALSE(accepts(one_of_many, "\"v50000\""));
  CHECK(refusal(Json{{"const", std::string(200'000, 'x')}}.dump().c_str()) == "a value of the schema is too long");
}

TEST_CASE("a long text of a bounded length is kept to the end") {
  const auto tokenizer = lmf::text::Tokenizer::load(lmf::test::fixtures() / "text" / "gpt2");
  const auto bytes = std::make_shared<const TokenBytes>(tokenizer);
  TokenFilter filter(bytes, recogniser_of(Json{{"type", "string"}, {"minLength", 1900}, {"maxLength", 2000}}), {});
  std::string text;
  const auto quote = tokenizer.encode("\"").front(), letter = tokenizer.encode("a").front();
  for (std::int32_t id = quote; !filter.must_end(); id = text.size() < 1950 ? letter : quote) {
    std::vector<float> logits(static_cast<std::size_t>(tokenizer.vocab_size()), 0.0f);
    filter.apply(logits);
    REQUIRE(logits[static_cast<std::size_t>(id)] == 0.0f);
    filter.accept(id);
    text += bytes->of(id);
  }
  CHECK(Json::parse(text).get<std::string>().size() == text.size() - 2);
}

TEST_CASE("hostile schemas end in a sentence, not in a crash") {
  std::string deep = "{}";
  for (int i = 0; i < 60; ++i) deep = R"({"type":"array","items":)" + deep + "}";
  CHECK(refusal(deep.c_str()).empty());
  Json wide{{"type", "object"}, {"properties", Json::object()}};
  for (int i = 0; i < 600; ++i) wide["properties"]["p" + std::to_string(i)] = Json::object();
  CHECK(refusal(wide.dump().c_str()) == "schema #: has more than 500 properties");
  Json large{{"type", "array"}, {"items", {{"type", "string"}, {"maxLength", 2000}}}, {"maxItems", 2000}};
  for (int i = 0; i < 60; ++i) large = Json{{"type", "array"}, {"items", large}, {"maxItems", 2000}};
  CHECK(refusal(large.dump().c_str()).empty() == false);
  Json name{{"type", "object"}, {"properties", {{std::string(5000, 'a'), true}}}};
  CHECK(refusal(name.dump().c_str()).find("longer than 500 bytes") != std::string::npos);
}

TEST_CASE("a filter lets only such tokens pass that lead to a sentence, whatever the logits are") {
  const auto tokenizers = {"qwen2", "llama2", "gpt2", "llama3"};
  for (const std::string name : tokenizers) {
    CAPTURE(name);
    const auto tokenizer = lmf::text::Tokenizer::load(lmf::test::fixtures() / "text" / name);
    const auto bytes = std::make_shared<const TokenBytes>(tokenizer);
    const std::int32_t stop = static_cast<std::int32_t>(tokenizer.vocab_size());  // beyond all others
    const Json schema =
        Json::parse(R"({"type":"object","properties":{"city":{"enum":["Oslo","Rome"]},"n":{"type":"array",
      "items":{"type":"integer"},"minItems":2,"maxItems":2}},"required":["city","n"],"additionalProperties":false})");
    for (std::uint64_t seed = 0; seed < 10; ++seed) {
      TokenFilter filter(bytes, recogniser_of(schema), {stop});
      std::string text;
      std::uint64_t random = seed * 7919 + 1;
      for (int step = 0; step < 400; ++step) {
        std::vector<float> logits(static_cast<std::size_t>(stop) + 1);
        for (float& logit : logits)
          logit = static_cast<float>((random = random * 6364136223846793005 + 1442695040888963407) >> 40);
        filter.apply(logits);
        const auto id = static_cast<std::int32_t>(std::ranges::max_element(logits) - logits.begin());
        if (id == stop) break;
        filter.accept(id);
        text += bytes->of(id);
      }
      CHECK(filter.complete());
      const Json value = Json::parse(text, nullptr, /*allow_exceptions=*/false);
      CHECK_MESSAGE(value.is_object(), text);
      CHECK((value["city"] == "Oslo" || value["city"] == "Rome"));
      CHECK(value["n"].size() == 2);
    }
  }
}

TEST_CASE("a token's bytes are what it adds to a text") {
  for (const std::string name : {"qwen2", "llama2", "gpt2", "smollm"}) {
    CAPTURE(name);
    const auto tokenizer = lmf::text::Tokenizer::load(lmf::test::fixtures() / "text" / name);
    const TokenBytes bytes(tokenizer);
    const auto ids = tokenizer.encode("Hello, w\xC3\xB6rld \xF0\x9F\xA6\x8A! 12");
    std::string joined;
    for (const auto id : ids) joined += bytes.of(id);
    if (joined.starts_with(' ')) joined.erase(0, 1);  // what some tokenizers put before every text
    CHECK(joined == tokenizer.decode(ids));
  }
}
