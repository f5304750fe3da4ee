#include "infer/tool_grammar.hpp"

#include <doctest/doctest.h>

#include "lmf/error.hpp"
#include "support/places.hpp"

using namespace lmf;
using namespace lmf::infer;
using Json = nlohmann::ordered_json;

namespace {

const std::vector<ToolSignature> kTools = {
    {.name = "search",
     .parameters = Json::parse(R"({"type":"object","properties":{"q":{"type":"string"}},"required":["q"]})")},
    {.name = "noop"}};

bool accepts(const std::string& format, bool several, const std::string& text, bool mark = false) {
  Grammar grammar;
  const auto start = tool_calls_rule(grammar, text::ToolFormat::load(test::share(), format), kTools, several, mark);
  Recogniser recogniser(std::move(grammar), start);
  auto state = recogniser.start();
  for (const char byte : text) state = recogniser.next(state, static_cast<unsigned char>(byte));
  return recogniser.complete(state);
}

}  // namespace

TEST_CASE("what each format writes for calls is what may be answered, and nothing else") {
  const std::string one = R"({"name": "search", "arguments": {"q": "a"}})";
  const std::string both =
      R"([{"name": "search", "arguments": {"q": "a"}}, {"name": "noop", "arguments": {"x": [1, 2]}}])";
  for (const char* name : {"default", "qwen", "llama3", "mistral"}) {
    CAPTURE(name);
    const auto format = text::ToolFormat::load(test::share(), name);
    for (const bool several : {false, true}) {
      CHECK(accepts(name, several, format.calls_text(one)));
      CHECK(accepts(name, several, format.calls_text(both)) == several);
      CHECK_FALSE(accepts(name, several, format.calls_text(R"({"name": "search", "arguments": {"q": 1}})")));
      CHECK_FALSE(accepts(name, several, format.calls_text(R"({"name": "search", "arguments": {}})")));
      CHECK_FALSE(accepts(name, several, format.calls_text(R"({"name": "other", "arguments": {}})")));
      CHECK_FALSE(accepts(name, several, "Hello"));
      CHECK_FALSE(accepts(name, several, ""));
      CHECK_FALSE(accepts(name, several, " " + format.calls_text(one)));
      CHECK(accepts(name, several, " " + format.calls_text(one), true));
    }
  }
}

TEST_CASE("of a tool that is not strict, what its schema says beyond is left out; of a strict one it is refused") {
  ToolSignature tool{.name = "f",
                     .parameters = Json::parse(
                         R"({"type":"object","properties":{"d":{"type":"string","format":"date"}},"required":["d"]})")};
  const auto format = text::ToolFormat::load(test::share(), "llama3");
  const auto accepted = [&](const std::string& text) {
    Grammar grammar;
    const auto start = tool_calls_rule(grammar, format, {tool}, false, false);
    Recogniser recogniser(std::move(grammar), start);
    auto state = recogniser.start();
    for (const char byte : text) state = recogniser.next(state, static_cast<unsigned char>(byte));
    return recogniser.complete(state);
  };
  CHECK(accepted(R"({"name": "f", "parameters": {"d": "x"}})"));
  CHECK_FALSE(accepted(R"({"name": "f", "parameters": {"d": 5}})"));
  tool.strict = true;
  CHECK_THROWS_WITH_AS(accepted(""), "the parameters of f: schema /properties/d: 'format' is not supported", Error);
  tool.strict = false;
  tool.parameters = Json::parse(R"({"allOf":[{"type":"object"},{"type":"object"}]})");
  CHECK(accepted(R"({"name": "f", "parameters": {"anything": null}})"));
}
