#include "text/tool_format.hpp"

#include <fstream>

#include <doctest/doctest.h>
#include <nlohmann/json.hpp>

#include "lmf/error.hpp"
#include "support/places.hpp"
#include "text/chat_template.hpp"
#include "text/python_json.hpp"

using namespace lmf;
using namespace lmf::text;
using OrderedJson = nlohmann::ordered_json;

namespace {

OrderedJson tool_fixture(const char* name) {
  return OrderedJson::parse(std::ifstream(test::fixtures() / "text/tools" / name));
}

std::string replaced(std::string text, const std::string& from, const std::string& to) {
  if (const auto at = text.find(from); at != text.npos) text.replace(at, from.size(), to);
  return text;
}

/// The message for a tool format's file with this text, without the folder.
std::string format_error(const std::string& toml) {
  const test::TemporaryFolder folder;
  const auto path = folder.path() / "some.toml";
  std::ofstream(path) << toml;
  try {
    ToolFormat::read(path);
  } catch (const Error& error) {
    return std::string(error.what()).substr(folder.path().string().size() + 1) + error.hint();
  }
  return {};
}

}  // namespace

TEST_CASE("tools and calls are written as LLaMA-Factory writes them") {
  const OrderedJson expected = tool_fixture("expected.json").at("formats"), tools = tool_fixture("tools.json"),
                    calls = tool_fixture("calls.json");
  REQUIRE(expected.size() == 4);
  for (const auto& [name, row] : expected.items()) {
    CAPTURE(name);
    const auto format = ToolFormat::load(test::share(), name);
    for (const auto& [key, given] : tools.items()) {
      CAPTURE(key);
      CHECK(format.tools_text(given.dump(), "{date}") == row.at("tools").at(key).get<std::string>());
    }
    REQUIRE(calls.size() == row.at("calls").size());
    for (std::size_t i = 0; i < calls.size(); ++i)
      CHECK(format.calls_text(calls[i].get<std::string>()) == row.at("calls")[i].get<std::string>());
  }
}

TEST_CASE("conversations with tools, calls and results have LLaMA-Factory's tokens") {
  const OrderedJson tools = tool_fixture("tools.json");
  const OrderedJson expected = tool_fixture("expected.json").at("templates");
  CHECK(expected.size() == ChatTemplate::names(test::share()).size());
  for (const auto& [name, conversation] : expected.items()) {
    const auto chat_template = ChatTemplate::load(test::share(), name);
    Tokenizer tokenizer = Tokenizer::load(test::fixtures() / "data/tokenizer");
    chat_template.repair(tokenizer);
    std::vector<Message> messages;
    for (const OrderedJson& message : conversation.at("messages")) {
      const std::string role = message.at("role");
      messages.push_back({role == "user"          ? Role::user
                          : role == "assistant"   ? Role::assistant
                          : role == "observation" ? Role::observation
                                                  : Role::function,
                          message.at("content")});
    }
    for (const OrderedJson& row : conversation.at("rows")) {
      CAPTURE(name);
      CAPTURE(row.at("system"));
      std::vector<std::vector<std::int32_t>> encoded;
      for (auto& [prompt, answer] : chat_template.encode_turns(tokenizer, messages, row.at("system").get<std::string>(),
                                                               tools.at(row.at("tools").get<std::string>()).dump())) {
        encoded.push_back(std::move(prompt));
        encoded.push_back(std::move(answer));
      }
      REQUIRE(encoded.size() == row.at("texts").size());
      for (std::size_t i = 0; i < encoded.size(); ++i) {
        CHECK(replaced(tokenizer.decode(encoded[i], false), ToolFormat::today(), "{date}") ==
              row.at("texts")[i].get<std::string>());
        if (!row.at("ids").is_null()) CHECK(encoded[i] == row.at("ids")[i].get<std::vector<std::int32_t>>());
      }
    }
  }
}

TEST_CASE("a template can have another tool format than its own") {
  auto chat_template = ChatTemplate::load(test::share(), "chatml");
  CHECK(chat_template.tool_format->name == "default");
  chat_template.set_tool_format(test::share(), "qwen");
  Tokenizer tokenizer = Tokenizer::load(test::fixtures() / "data/tokenizer");
  chat_template.repair(tokenizer);
  const auto encoded = chat_template.encode(
      tokenizer, {{Role::user, "Hi"}, {Role::function, "{\"name\":\"f\",\"arguments\":{}}"}}, "", "[{\"name\":\"f\"}]");
  CHECK(tokenizer.decode(encoded[0], false)
            .find("<tools>\n{\"type\": \"function\", \"function\": {\"name\": \"f\"}}\n</tools>") != std::string::npos);
  CHECK(tokenizer.decode(encoded[1], false) ==
        "<tool_call>\n{\"name\": \"f\", \"arguments\": {}}\n</tool_call><|im_end|>");
  CHECK_THROWS_AS(chat_template.set_tool_format(test::share(), "other"), Error);
}

TEST_CASE("numbers, escapes and layout of JSON are Python's") {
  const auto written = [](const char* json) { return python_json(OrderedJson::parse(json)); };
  CHECK(written("[1.0, 1.50, 1e15, 1e16, 123456789012345680.0, 0.0001, 0.00001, -0.0, 1e-7, 5e-324]") ==
        "[1.0, 1.5, 1000000000000000.0, 1e+16, 1.2345678901234568e+17, 0.0001, 1e-05, -0.0, 1e-07, 5e-324]");
  CHECK(written("[1,-2,18446744073709551615,true,null,\"\\u00e9\\u2028\\t\\u0001\\u007f\\\"\\\\/\"]") ==
        "[1, -2, 18446744073709551615, true, null, \"\u00e9\u2028\\t\\u0001\x7f\\\"\\\\/\"]");
  CHECK(written("{\"b\":1,\"a\":{},\"b\":[]}") == "{\"b\": [], \"a\": {}}");
  CHECK(python_json(OrderedJson::parse("{\"a\":[1,{\"b\":[]}]}"), 2) ==
        "{\n  \"a\": [\n    1,\n    {\n      \"b\": []\n    }\n  ]\n}");
  CHECK(python_text(OrderedJson::parse("[\"string\",\"it's\",null,true,1.0,{\"a\":\"b\"}]")) ==
        "['string', \"it's\", None, True, 1.0, {'a': 'b'}]");
  CHECK(python_text(OrderedJson("as it is")) == "as it is");
}

TEST_CASE("a text before a call that is written many times is taken out of it once for all") {
  const auto format = ToolFormat::load(test::share(), "qwen");
  const std::string call = "<tool_call>{\"name\": \"f\", \"arguments\": {}}</tool_call>";
  std::string many = "so: ";
  for (int i = 0; i < 300'000; ++i) many += call;
  CHECK(format.calls_text(many + " and") == format.calls_text("so: " + call + " and"));
  CHECK(format.calls_text("<tool" + call + "_call>{" + call).starts_with("<tool_call>{<tool_call>\n{\"name\": \"f\""));
}

TEST_CASE("tools and calls that are none are refused with what they are") {
  const auto format = ToolFormat::load(test::share(), "default");
  CHECK_THROWS_WITH_AS(format.tools_text("{\"name\":\"a\"}"), "tools are no JSON list", Error);
  CHECK_THROWS_WITH_AS(format.tools_text("[{\"nam\":\"a\"}]"), "a tool has no name: {\"nam\":\"a\"}", Error);
  CHECK_THROWS_WITH_AS(format.tools_text("[1]"), "a tool has no name: 1", Error);
  CHECK_THROWS_AS(format.tools_text("["), Error);
  CHECK(format.tools_text("[{\"name\":\"a\",\"parameters\":5}]")
            .find("> Tool Name: a\nTool Description: \nTool Args:\n\n") != std::string::npos);
  CHECK_THROWS_WITH_AS(format.calls_text("{\"name\":\"a\"}"), "a call has no name or no arguments: {\"name\":\"a\"}",
                       Error);
  CHECK_THROWS_WITH_AS(format.calls_text("Hello"), doctest::Contains("call:1:1: not well-formed JSON"), Error);
}

TEST_CASE("a tool format's file that is not understood is refused with file and line") {
  const std::string good = "prompt = \"{{tools}}\"\ntool = \"{{json}}\"\n";
  CHECK(format_error(good + "call = \"{{json}}\"") == "");
  CHECK(format_error(good) == "some.toml:1: call is missing.");
  CHECK(format_error("call = \"{{json}}\"\ntool = \"x\"") == "some.toml:1: prompt is missing.");
  CHECK(format_error("\nprompt = \"{{names}}\"") == "some.toml:2: prompt has not {{tools}} once.");
  CHECK(format_error(good + "call = \"{{jsn}}\"") ==
        "some.toml:3: call has the unknown placeholder {{jsn}}; known are {{json}}, {{name}}, {{arguments}}.");
  CHECK(format_error(good + "call = \"{{name}} {{arguments}}\"") ==
        "some.toml:3: call has neither {{json}} alone nor a mark, {{name}} and then {{arguments}}.");
  CHECK(format_error(good + "call = \"{{json}}\"\nwraped = true") ==
        "some.toml:4: 'wraped' is no key of a tool format. Did you mean 'wrapped'?");
  CHECK(format_error(good + "call = \"{{json}}\"\nindent = -2") ==
        "some.toml:4: indent is not a whole number from 0 to 16.");
  try {
    ToolFormat::load(test::share(), "qwem");
    FAIL("no error");
  } catch (const Error& error) {
    CHECK(std::string(error.what()) == "There is no tool format 'qwem'. Did you mean 'qwen'?");
    CHECK(error.hint() == "Known tool formats: default, llama3, mistral, qwen.");
  }
}
