#include "base/json.hpp"

#include <doctest/doctest.h>

#include "base/place.hpp"

using namespace lmf;

namespace {

/// "LINE:COLUMN what", "" for a text that is JSON.
std::string fault_of(const std::string& text) {
  const auto fault = find_json_fault(text);
  return fault ? line_and_column(text, fault->offset) + " " + fault->what : "";
}

}  // namespace

TEST_CASE("what is no JSON is told by place, what was expected and what was found") {
  CHECK(fault_of(R"({"a": [1, -2.5e3, "x\u00e9", null, true, {}]})") == "");
  CHECK(fault_of("") == "1:1 expected a value, found the end");
  CHECK(fault_of("{") == "1:2 expected a name in double quotes, found the end");
  CHECK(fault_of("{a: 1}") == "1:2 expected a name in double quotes, found 'a'");
  CHECK(fault_of("{\"a\": 1,\n}") == "2:1 expected a name in double quotes, found '}'");
  CHECK(fault_of("{\n\"a\": 1\n\"b\": 2}") == "3:3 expected ',' or '}', found a text");
  CHECK(fault_of("{\"a\" 1}") == "1:6 expected ':', found a number");
  CHECK(fault_of("[1 2]") == "1:4 expected ',' or ']', found a number");
  CHECK(fault_of("{\"a\": None}") == "1:7 expected a value, found 'None'");
  CHECK(fault_of("{\"a\": tru}") == "1:10 expected a value, found 'tru'");
  CHECK(fault_of("{\"\xC3\xA9\": 1, \"b\": ,}") == "1:15 expected a value, found ','");
  CHECK(fault_of("{} x") == "1:4 expected nothing more, found 'x'");
  CHECK(fault_of("\x01") == "1:1 expected a value, found a character that JSON does not have");
  CHECK(fault_of("{\"a\": \"x") == "1:9 invalid string: missing closing quote");
  CHECK(fault_of("\"\xff\"") == "1:2 invalid string: ill-formed UTF-8 byte");
  CHECK(fault_of("[1e999]") == "1:6 number overflow parsing '1e999'");
}

TEST_CASE("the sentence names the file; a reader that is stricter than JSON adds its reason") {
  CHECK(explain_json("[1,\n]", "a.json") == "a.json:2:1: not well-formed JSON: expected a value, found ']'");
  CHECK(explain_json("[]", "a.json", "it has no record") == "a.json: not well-formed JSON: it has no record");
}

TEST_CASE("parsing gives the value, or the sentence and the hint") {
  CHECK(parse_json("{\"b\": 1, \"a\": 2}", "a.json").at("b") == 1);
  CHECK(parse_json<nlohmann::ordered_json>("{\"b\": 1, \"a\": 2}", "a.json").front() == 1);
  try {
    parse_json("{", "a.json", "copy it again");
    FAIL("accepted");
  } catch (const Error& failure) {
    CHECK(std::string(failure.what()) ==
          "a.json:1:2: not well-formed JSON: expected a name in double quotes, found the end");
    CHECK(failure.hint() == "copy it again");
  }
  CHECK_THROWS_WITH_AS(parse_json(std::string(100'000, '['), "a.json"), "a.json: values are nested too deeply", Error);
  CHECK(parse_json(std::string(60, '[') + std::string(60, ']'), "a.json").is_array());
}
