#include "config/readers.hpp"

#include <doctest/doctest.h>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "lmf/error.hpp"

using namespace lmf::config;

namespace {

/// The message of the error that reading gives; "" when there is none.
template <class Reader>
std::string failure_of(Reader reader, const std::string& text) {
  try {
    reader(text, "c");
    return {};
  } catch (const lmf::Error& failure) {
    CHECK(failure.exit_status() == lmf::kExitUsage);
    return failure.what();
  }
}

std::string summary(const std::vector<Entry>& entries) {
  std::string text;
  for (const Entry& entry : entries) text += entry.origin + " " + entry.key + "=" + to_json(entry.value).dump() + "\n";
  return text;
}

std::string nested(const std::string& open, const std::string& close, int depth) {
  std::string text = "a: ";
  for (int i = 0; i < depth; ++i) text += open;
  for (int i = 0; i < depth; ++i) text += close;
  return text;
}

}  // namespace

TEST_CASE("YAML: scalars become what OmegaConf makes of them, with the line of each key") {
  const std::string text =
      "### model\n"
      "a: 1e-5\n"
      "b: 'true'   # quoted\n"
      "c: yes\n"
      "d: null\n"
      "e:\n"
      "f: [1, x, 2.5]\n"
      "g:\n"
      "  h: off\n"
      "  i: {j: 0x10}\n"
      "k: 2020-01-01\n"
      "l: ${a}\n"
      "m: .inf\n";
  CHECK(summary(read_yaml(text, "c")) ==
        "c:2 a=1e-05\nc:3 b=\"true\"\nc:4 c=true\nc:5 d=null\nc:6 e=null\nc:7 f=[1,\"x\",2.5]\n"
        "c:8 g={\"h\":false,\"i\":{\"j\":16}}\nc:11 k=\"2020-01-01\"\nc:12 l=\"${a}\"\nc:13 m=\".inf\"\n");
}

TEST_CASE("YAML: repeated keys are kept, anchors repeat values, << merges maps") {
  CHECK(summary(read_yaml("a: 1\na: 2\n", "c")) == "c:1 a=1\nc:2 a=2\n");
  CHECK(summary(read_yaml("a: &x [1, 2]\nb: *x\n", "c")) == "c:1 a=[1,2]\nc:2 b=[1,2]\n");
  CHECK(summary(read_yaml("a: &x {p: 1, q: 2}\nb:\n  <<: *x\n  q: 3\n", "c")) ==
        "c:1 a={\"p\":1,\"q\":2}\nc:2 b={\"p\":1,\"q\":3}\n");
}

TEST_CASE("YAML: an empty file has no options, anything but a map is refused") {
  CHECK(read_yaml("", "c").empty());
  CHECK(read_yaml("# nothing\n", "c").empty());
  CHECK(failure_of(read_yaml, "- a\n- b\n") == "c:1: expected options as `name: value`");
  CHECK(failure_of(read_yaml, "just words\n") == "c:1: expected options as `name: value`");
  CHECK(failure_of(read_yaml, "a: 1\n---\nb: 2\n").find("second document") != std::string::npos);
  CHECK(failure_of(read_yaml, "? [a, b]\n: 1\n") == "c:1: a key must be a word");
}

TEST_CASE("YAML: what is not well-formed is refused with line, column and what to change") {
  const auto complaint = [](const std::string& text) {
    const std::string failure = failure_of(read_yaml, text), mark = ": not well-formed YAML: ";
    const std::size_t at = failure.find(mark);
    return at == std::string::npos ? failure : failure.substr(0, at) + " " + failure.substr(at + mark.size());
  };
  CHECK(complaint("a: 1\nb: [1, 2\nc: 3\n") == "c:3:2 a '[' before this is not closed");
  CHECK(complaint("a: {x: 1\nb: 2\n") == "c:2:2 a '{' before this is not closed");
  CHECK(complaint("a: *unknown\n") == "c:1:4 expected the name of a value that is marked with '&' above");
  CHECK(complaint("a: 1\n\tb: 2\n") == "c:2:1 expected spaces before a name, found a tab");
  CHECK(complaint("a: \xC3\xA9: c\n").starts_with("c:1:5 no ':' is expected here"));
  CHECK(complaint("a: 1\n  b: 2\n").starts_with("c:2:4 no ':' is expected here"));
  CHECK(complaint("a: 1\n- b\n") == "c:2:1 expected another `name: value`, indented like those before it");
  CHECK(complaint("a: [1, 2]]\n") == "c:1:10 this bracket closes nothing");
  CHECK(complaint("a: %x\n") == "c:1:4 no text begins with this character unless it is in quotes");
  for (const char* open_quote : {"a: 'x\nb: 1\n", "a: 'x\nb: 1", "a: \"x\nb: 1\n", "a: \"x"})
    CHECK(complaint(open_quote).ends_with(" a quote before this is not closed"));
  CHECK(complaint("a: \"\\q\"\n") == "c:1:7 unknown escape character: q");
  CHECK(failure_of(read_yaml, "a: &x [*x]\n") == "c:1: an alias stands inside the value that it repeats");
}

TEST_CASE("YAML: an alias bomb and a deep nest stop at the bounds") {
  std::string bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n";
  for (int i = 1; i < 12; ++i) {
    const std::string last = fmt::format("*a{}", i - 1);
    bomb += fmt::format("a{0}: &a{0} [{1}, {1}, {1}, {1}, {1}, {1}, {1}, {1}, {1}, {1}]\n", i, last);
  }
  CHECK(failure_of(read_yaml, bomb).find("grows beyond 16 MiB") != std::string::npos);

  const std::string long_text(200'000, 'x');
  std::string copies = "a: &a " + long_text + "\nb: [*a";
  for (int i = 0; i < 200; ++i) copies += ", *a";
  CHECK(failure_of(read_yaml, copies + "]\n").find("grows beyond 16 MiB") != std::string::npos);

  CHECK(failure_of(read_yaml, nested("[", "]", 40)) == "c:1: values are nested more than 32 deep");
  CHECK_FALSE(failure_of(read_yaml, nested("[", "]", 20'000)).empty());
  CHECK_FALSE(failure_of(read_yaml, nested("{a: ", "}", 20'000)).empty());
}

TEST_CASE("JSON: values keep their spelling and keys their line") {
  const std::string text =
      "{\n  \"a\": 1e-5,\n  \"b\": \"true\",\n  \"c\": [1, null,\n  true],\n  \"d\": {\"e\": -2}\n}\n";
  CHECK(summary(read_json(text, "c")) == "c:2 a=1e-05\nc:3 b=\"true\"\nc:4 c=[1,null,true]\nc:6 d={\"e\":-2}\n");
  CHECK(read_json(text, "c")[0].value.text == "1e-5");
}

TEST_CASE("JSON: what is not well-formed is refused with its line and column") {
  CHECK(failure_of(read_json, "{\n\"a\": 1,\n}") ==
        "c:3:1: not well-formed JSON: expected a name in double quotes, found '}'");
  CHECK(failure_of(read_json, "").starts_with("c:1:1: not well-formed JSON"));
  CHECK(failure_of(read_json, "[1]") == "c:1: expected options as `name: value`");
  CHECK(failure_of(read_json, "{\"a\": 1} x").starts_with("c:1:10: not well-formed JSON"));
  CHECK(failure_of(read_json, "{\"a\": \"\xff\"}").starts_with("c:1:8: not well-formed JSON"));
  CHECK(failure_of(read_json, "{\"a\":" + std::string(100'000, '[')) == "c:1: values are nested more than 32 deep");
}

TEST_CASE("TOML: the same values, tables as maps, dates as text") {
  const std::string text = "a = 1e-5\nb = \"true\"\nc = [1, true]\nd = 2020-01-01\n[e]\nf = 2.0\n";
  CHECK(summary(read_toml(text, "c")) ==
        "c:1 a=1e-05\nc:2 b=\"true\"\nc:3 c=[1,true]\nc:4 d=\"2020-01-01\"\nc:5 e={\"f\":2}\n");
  CHECK(failure_of(read_toml, "a = 1\na = 2\n").starts_with("c:2:5: not well-formed TOML"));
  CHECK(failure_of(read_toml, "a = \n").starts_with("c:1:5: not well-formed TOML"));
}

TEST_CASE("a value of the command line may be a list or a map") {
  CHECK(to_json(parse_yaml_value("[1, two]")).dump() == "[1,\"two\"]");
  CHECK(to_json(parse_yaml_value("{a: 1e3}")).dump() == "{\"a\":1000.0}");
  CHECK_THROWS_AS(parse_yaml_value("[1, two"), lmf::Error);
}
