#include "text/tool_call_reader.hpp"

#include <fstream>

#include <doctest/doctest.h>
#include <nlohmann/json.hpp>

#include "support/places.hpp"

using namespace lmf;
using namespace lmf::text;
using OrderedJson = nlohmann::ordered_json;

namespace {

const std::vector<std::string> kTools = {"get_weather", "search", "noop"};

/// An answer as it was understood: text, then name(arguments) of each call, "|" between two parts.
struct Understood {
  std::string text;
  std::vector<std::pair<std::string, std::string>> calls;
  std::size_t whole = 0;
  bool operator==(const Understood&) const = default;
};

void add(Understood& understood, const std::vector<AnswerPart>& parts) {
  for (const AnswerPart& part : parts) {
    if (const auto* piece = std::get_if<AnswerPiece>(&part)) understood.text += piece->text;
    if (const auto* begin = std::get_if<ToolCallBegin>(&part)) understood.calls.emplace_back(begin->name, "");
    if (const auto* arguments = std::get_if<ToolCallArguments>(&part))
      understood.calls.back().second += arguments->json;
  }
}

Understood understand(const std::string& format, const std::string& answer, std::size_t step,
                      const std::string& mark = {}) {
  ToolCallReader reader(ToolFormat::load(test::share(), format), mark, kTools);
  Understood understood;
  for (std::size_t at = 0; at < answer.size(); at += step) add(understood, reader.push(answer.substr(at, step)));
  add(understood, reader.finish());
  understood.whole = reader.calls();
  return understood;
}

/// The same in one piece and byte by byte.
Understood understand(const std::string& format, const std::string& answer, const std::string& mark = {}) {
  const Understood whole = understand(format, answer, std::max<std::size_t>(answer.size(), 1), mark);
  for (const std::size_t step : {1, 2, 3, 7}) CHECK(understand(format, answer, step, mark) == whole);
  return whole;
}

using Calls = std::vector<std::pair<std::string, std::string>>;

}  // namespace

TEST_CASE("calls that LLaMA-Factory finds are found, and nothing is a call that only looks like one") {
  const auto read = [](const char* name) {
    return OrderedJson::parse(std::ifstream(test::fixtures() / "text/tools" / name));
  };
  const OrderedJson answers = read("answers.json"), expected = read("expected.json").at("formats");
  for (const auto& [name, row] : expected.items()) {
    for (std::size_t i = 0; i < answers.size(); ++i) {
      CAPTURE(name);
      CAPTURE(i);
      const auto understood = understand(name, answers[i].get<std::string>());
      const OrderedJson& found = row.at("found")[i];
      // Here lmf finds more: the members of a call under the name that the other format of the kind has.
      const bool more = (name == "llama3" && i == 6) || (name == "mistral" && (i == 4 || i == 5 || i == 7));
      if (more) CHECK_FALSE(understood.calls.empty());
      if (more) continue;
      REQUIRE(understood.calls.size() == (found.is_null() ? 0 : found.size()));
      if (found.is_null()) CHECK(understood.text == answers[i].get<std::string>());
      for (std::size_t j = 0; j < understood.calls.size(); ++j) {
        CHECK(understood.calls[j].first == found[j][0].get<std::string>());
        CHECK(OrderedJson::parse(understood.calls[j].second) == found[j][1]);
      }
    }
  }
}

TEST_CASE("what a format writes is read back") {
  const OrderedJson calls = OrderedJson::parse(
      R"([{"name":"search","arguments":{"query":"}\"{ </tool_call> \n Action: ]","deep":[[{"a":"\\"}]]}},{"name":"noop","arguments":{}}])");
  for (const char* name : {"default", "qwen", "llama3", "mistral"}) {
    CAPTURE(name);
    const auto format = ToolFormat::load(test::share(), name);
    for (const OrderedJson& some : {OrderedJson(calls), OrderedJson(calls[0])}) {
      const OrderedJson list = some.is_array() ? some : OrderedJson::array({some});
      const auto understood = understand(name, format.calls_text(some.dump()), "[TOOL_CALLS] ");
      CHECK(understood.text == "");
      CHECK(understood.whole == list.size());
      REQUIRE(understood.calls.size() == list.size());
      for (std::size_t i = 0; i < list.size(); ++i) {
        CHECK(understood.calls[i].first == list[i].at("name").get<std::string>());
        CHECK(OrderedJson::parse(understood.calls[i].second) == list[i].at("arguments"));
      }
    }
  }
}

TEST_CASE("text before and behind calls stays, without the blanks at the border") {
  const auto qwen =
      understand("qwen", "Let me see. \n\n<tool_call>\n{\"name\": \"noop\", \"arguments\": {}}\n</tool_call>\nDone.");
  CHECK(qwen.text == "Let me see.Done.");
  CHECK(qwen.calls == Calls{{"noop", "{}"}});
  CHECK(understand("default", "Thought: hm\nAction: noop\nAction Input: {}").text == "Thought: hm");
  CHECK(understand("mistral", "Well. [TOOL_CALLS] [{\"name\": \"noop\", \"arguments\": {}}]", "[TOOL_CALLS] ").text ==
        "Well.");
  CHECK(understand("mistral", "[TOOL_CALLS][{\"name\": \"noop\", \"arguments\": {}}]", "[TOOL_CALLS] ").calls ==
        Calls{{"noop", "{}"}});
  CHECK(understand("qwen", "  \n ").text == "  \n ");
  CHECK(understand("qwen", "ends with a blank ").text == "ends with a blank ");
}

TEST_CASE("what is no call after all is text, every byte of it") {
  for (const char* answer :
       {"<tool_call", "<tool_call>", "<tool_call>\n{\"name\": \"noop\"",
        "<tool_call>{\"name\": \"other\", \"arguments\": {}}</tool_call>", "a < b and <tool> <tool_call> [1]",
        "<tool_call>{\"name\": 5, \"arguments\": {}}", "<tool_call>{\"name\": \"noop\", \"arguments\": 5}</tool_call>"})
    CHECK(understand("qwen", answer) == Understood{answer, {}, 0});
  for (const char* answer : {"Action: noop", "An Action: noop is not Action Input: {}",
                             "Action: other\nAction Input: {}", "Action:", "Action: noop\nAction Input: 5"})
    CHECK(understand("default", answer) == Understood{answer, {}, 0});
  for (const char* answer :
       {"{\"name\": \"Ada\", \"parameters\": {}}", "{\"a\": 1}", "[1, 2]", "[{\"name\": \"noop\"}]", "{", "[",
        "{} {\"name\": \"noop\", \"parameters\": {}}", "see {\"name\": \"noop\", \"parameters\": {}}"})
    CHECK(understand("llama3", answer) == Understood{answer, {}, 0});
}

TEST_CASE("text goes out as soon as it can be no call") {
  ToolCallReader reader(ToolFormat::load(test::share(), "qwen"), "", kTools);
  const auto pushed = [&](const char* text) {
    Understood understood;
    add(understood, reader.push(text));
    return understood;
  };
  CHECK(pushed("Hi").text == "Hi");
  CHECK(pushed(" <too").text == "");
  CHECK(pushed("l>").text == " <tool>");
  CHECK(pushed("<tool_call>\n{\"name\": \"no").calls.empty());
  CHECK(pushed("op\", \"arguments\": {").calls == Calls{{"noop", "{"}});
  Understood more;
  more.calls.emplace_back();
  add(more, reader.push("\"a\""));
  CHECK(more.calls[0].second == "\"a\"");  // at once
}

TEST_CASE("arguments of an answer that ends early are what there is of them") {
  const auto cut = understand("qwen", "<tool_call>\n{\"name\": \"search\", \"arguments\": {\"query\": \"a");
  CHECK(cut.calls == Calls{{"search", "{\"query\": \"a"}});
  CHECK(cut.whole == 0);
  const auto unclosed =
      understand("qwen", "<tool_call>\n{\"name\": \"search\", \"arguments\": {\"query\": 1}}\n</tool");
  CHECK(unclosed == Understood{"", {{"search", "{\"query\": 1}"}}, 1});
}

TEST_CASE(
    "of an answer that has to be a call and is cut off, its name is a call when it is whole, and nothing is text") {
  const auto cut = [](const std::string& format, const std::string& answer) {
    ToolCallReader reader(ToolFormat::load(test::share(), format), "[TOOL_CALLS] ", kTools);
    Understood understood;
    add(understood, reader.push(answer));
    add(understood, reader.finish(/*only_calls=*/true));
    return understood;
  };
  const OrderedJson calls =
      OrderedJson::parse(R"([{"name":"noop","arguments":{"a":1}},{"name":"search","arguments":{}}])");
  for (const char* name : {"default", "qwen", "llama3", "mistral"}) {
    CAPTURE(name);
    const auto format = ToolFormat::load(test::share(), name);
    const std::string whole = " " + format.calls_text(calls.dump());
    const auto behind = [&](const std::string& word, std::size_t from = 0) {
      return whole.find(word, from) + word.size();
    };
    const std::string after_name = format.calls_are_json() ? "\"" : "\n";
    const std::size_t named = behind("noop" + after_name), begun = behind("{", named) - 1, ended = behind("}", begun),
                      second = behind("search" + after_name);
    for (std::size_t size = 0; size <= whole.size(); ++size) {
      CAPTURE(whole.substr(0, size));
      const std::string arguments = size > begun ? whole.substr(begun, std::min(size, ended) - begun) : "";
      const auto understood = cut(name, whole.substr(0, size));
      CHECK(understood.text == "");
      REQUIRE(understood.calls.size() == (size >= named) + (size >= second));
      if (size >= named) CHECK(understood.calls[0] == std::pair(std::string("noop"), arguments));
      if (size >= second) CHECK(understood.calls[1].first == "search");
    }
  }
  CHECK(cut("qwen", "Well <tool_call>\n{\"name\": \"n").text == "Well");
  CHECK(cut("qwen", "<tool_call>\n{\"name\": \"other\", ") == Understood{});
}

TEST_CASE("the begin of a further call, cut off by the answer's length, is no text") {
  const std::string first = "<tool_call>\n{\"name\": \"noop\", \"arguments\": {}}\n</tool_call>";
  for (const char* begin : {"\n<tool", "\n<tool_call>\n{\"na", "\n<tool_call>\n{\"name\": \"search\", \"argu"})
    CHECK(understand("qwen", first + begin) == Understood{"", {{"noop", "{}"}}, 1});
  CHECK(understand("qwen", first + "\nDone <tool").text == "Done <tool");
  CHECK(understand("default", "Action: noop\nAction Input: {}\nAction: sea").text == "");
}

TEST_CASE("of an answer that goes on without an end no more than a bounded part is held back") {
  for (const char* begin : {"<tool_call>{\"name\": \"", "<tool_call>{\"a\": \"", "<tool_call>", ""}) {
    const std::string endless(40000, *begin == '<' && std::string_view(begin).ends_with('"') ? 'a' : '\n');
    ToolCallReader reader(ToolFormat::load(test::share(), "qwen"), "", kTools);
    Understood understood;
    add(understood, reader.push(begin));
    std::size_t held = 0, given = std::string_view(begin).size();
    for (std::size_t at = 0; at < endless.size(); at += 100) {
      add(understood, reader.push(endless.substr(at, 100)));
      given += 100;
      held = std::max(held, given - understood.text.size());
    }
    add(understood, reader.finish());
    CHECK(understood == Understood{begin + endless, {}, 0});
    CHECK(held < 20000);
  }
}

TEST_CASE("arguments that are nested too deeply make no call, and no stack of a thread is used up") {
  const auto call = [](const std::string& arguments) {
    return "<tool_call>{\"arguments\": " + arguments + ", \"name\": \"noop\"}</tool_call>";
  };
  const auto list = [&](int depth) {
    return "{\"a\": " + std::string(static_cast<std::size_t>(depth), '[') +
           std::string(static_cast<std::size_t>(depth), ']') + "}";
  };
  CHECK(understand("qwen", call(list(60))).calls == Calls{{"noop", list(60)}});
  for (const int depth : {65, 8000}) {
    CHECK(understand("qwen", call(list(depth)), 1000) == Understood{call(list(depth)), {}, 0});
    const std::string within = call("\"{\\\"a\\\": " + list(depth).substr(6) + "\"");
    CHECK(understand("qwen", within, 1000) == Understood{within, {}, 0});
  }
}

TEST_CASE("members in another order, and arguments within a text, are understood") {
  CHECK(understand("qwen", "<tool_call>{\"arguments\": {\"a\": 1}, \"name\": \"noop\"}</tool_call>").calls ==
        Calls{{"noop", "{\"a\": 1}"}});
  CHECK(understand("qwen", "<tool_call>{\"name\": \"noop\", \"arguments\": \"{\\\"a\\\": 1}\"}</tool_call>").calls ==
        Calls{{"noop", "{\"a\": 1}"}});
  CHECK(understand("llama3", "{\"type\": \"function\", \"name\": \"noop\", \"parameters\": {}}").calls ==
        Calls{{"noop", "{}"}});
  CHECK(understand("llama3", "{\"name\": \"noop\", \"parameters\": {}}; {\"name\": \"search\", \"parameters\": {}}")
            .calls.size() == 2);
}
