#include "data/conversation.hpp"

#include <doctest/doctest.h>

#include "lmf/error.hpp"

using namespace lmf::data;
using lmf::text::Role;

namespace {

Columns all_columns() {
  Columns columns;
  columns.history = "history";
  columns.system = "system";
  return columns;
}

Aligned align_alpaca(const std::string& json, const Columns& columns = all_columns()) {
  simdjson::dom::parser parser;
  SeenColumns seen;
  DatasetDescription dataset;
  dataset.columns = columns;
  return align(parser.parse(json), dataset, seen);
}

std::string question(const std::string& json) { return align_alpaca(json).conversation.messages.at(0).content; }

}  // namespace

TEST_CASE("instruction and input are joined by a newline, empty ones left out") {
  CHECK(question(R"({"instruction": "a", "input": "b", "output": "c"})") == "a\nb");
  CHECK(question(R"({"instruction": "a", "input": "", "output": "c"})") == "a");
  CHECK(question(R"({"instruction": null, "input": "b", "output": "c"})") == "b");
  CHECK(question(R"({"output": "c"})") == "");
}

TEST_CASE("history comes before the question, the system text aside") {
  const auto conversation =
      align_alpaca(R"({"instruction": "q3", "output": "a3", "history": [["q1", "a1"], ["q2", "a2"]], "system": "s"})")
          .conversation;
  std::string flat;
  for (const auto& message : conversation.messages)
    flat += (message.role == Role::user ? "u:" : "a:") + message.content + " ";
  CHECK(flat == "u:q1 a:a1 u:q2 a:a2 u:q3 a:a3 ");
  CHECK(conversation.system == "s");
}

TEST_CASE("a column that the map does not list is not read") {
  Columns columns;
  const auto aligned =
      align_alpaca(R"({"instruction": "q", "output": "a", "history": [["q1", "a1"]], "system": "s"})", columns);
  CHECK(aligned.conversation.messages.size() == 2);
  CHECK(aligned.conversation.system == "");
}

TEST_CASE("tools are a column of alpaca's form, too, as JSON text or as the list itself") {
  Columns columns = all_columns();
  columns.tools = "functions";
  const auto tools = [&](const std::string& value) {
    return align_alpaca(R"({"instruction": "q", "output": "a", "functions": )" + value + "}", columns);
  };
  CHECK(tools(R"("[{\"name\": \"f\"}]")").conversation.tools == R"([{"name": "f"}])");
  CHECK(tools(R"([{"name": "f", "x": 1.0}])").conversation.tools == R"([{"name":"f","x":1.0}])");
  for (const char* none : {"null", "\"\"", "[]"}) CHECK(tools(none).conversation.tools == "");
  CHECK(tools("5").dropped == "functions is a number, not a text");
}

TEST_CASE("of a key that is written twice the last counts") {
  CHECK(question(R"({"instruction": "first", "output": "a", "instruction": "second"})") == "second");
}

TEST_CASE("a record that cannot be used is left out with the reason") {
  CHECK(align_alpaca("[1]").dropped == "the record is a list, not an object");
  CHECK(align_alpaca(R"({"instruction": "q"})").dropped == "output is missing");
  CHECK(align_alpaca(R"({"instruction": "q", "output": null})").dropped == "output is missing");
  CHECK(align_alpaca(R"({"instruction": "q", "output": 4})").dropped == "output is a number, not a text");
  CHECK(align_alpaca(R"({"instruction": ["q"], "output": "a"})").dropped == "instruction is a list, not a text");
  CHECK(align_alpaca(R"({"instruction": "q", "input": {}, "output": "a"})").dropped ==
        "input is an object, not a text");
  CHECK(align_alpaca(R"({"instruction": "q", "output": "a", "system": true})").dropped ==
        "system is true or false, not a text");
  for (const std::string history : {R"("text")", "[1]", R"([["q"]])", R"([["q", "a", "b"]])", R"([["q", null]])"}) {
    CHECK(align_alpaca(R"({"instruction": "q", "output": "a", "history": )" + history + "}").dropped ==
          "history is not a list of [question, answer] pairs");
  }
}

TEST_CASE("an empty answer is an answer, as in the original") {
  CHECK(align_alpaca(R"({"instruction": "q", "output": ""})").dropped == "");
}

TEST_CASE("records with images, videos or audios are refused by name; empty lists of them are not") {
  for (const std::string media : {"images", "videos", "audios"}) {
    CHECK_THROWS_WITH_AS(align_alpaca(R"({"instruction": "q", "output": "a", ")" + media + R"(": ["x.png"]})"),
                         doctest::Contains(media.c_str()), lmf::Error);
    CHECK(align_alpaca(R"({"instruction": "q", "output": "a", ")" + media + R"(": []})").dropped == "");
  }
}
