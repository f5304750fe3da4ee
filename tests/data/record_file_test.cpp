#include "data/record_file.hpp"

#include <doctest/doctest.h>

#include <random>

#include <fmt/format.h>

#include "data/folder.hpp"

using lmf::data::RecordFile;
using lmf::test::error_of;
using lmf::test::Folder;

namespace {

std::vector<std::string> split(const Folder& folder, std::string_view text) {
  const RecordFile file(folder.write("file.json", text));
  std::vector<std::string> found;
  for (const auto& record : file.records()) found.push_back(fmt::format("{}: {}", record.line, record.text));
  return found;
}

std::string error(const Folder& folder, std::string_view text) {
  return error_of(folder.path(), [&] { split(folder, text); });
}

using Lines = std::vector<std::string>;

}  // namespace

TEST_CASE("a byte of a record is told by its line and column in the file") {
  const Folder folder;
  const RecordFile file(folder.write("a.json", "[\n {\"a\": 1}, {\"\xC3\xA9\": 1,\n  \"b\": 2}\n]"));
  const std::string name = file.path().string();
  REQUIRE(file.records().size() == 2);
  CHECK(file.place(file.records()[0], 0) == name + ":2:2");
  CHECK(file.place(file.records()[1], 0) == name + ":2:12");
  CHECK(file.place(file.records()[1], 5) == name + ":2:16");
  CHECK(file.place(file.records()[1], 12) == name + ":3:3");
}

TEST_CASE("a JSON list is cut into its elements, each with its first line") {
  const Folder folder;
  CHECK(split(folder, "[{\"a\": 1},\n {\"b\":\n [1, 2]} ,\n\n3 ]\n") ==
        Lines{"1: {\"a\": 1}", "2: {\"b\":\n [1, 2]}", "5: 3"});
  CHECK(split(folder, "\xEF\xBB\xBF\n[\"one\"]") == Lines{"2: \"one\""});
}

TEST_CASE("brackets, commas and quotes inside strings are no borders") {
  const Folder folder;
  CHECK(split(folder, R"([{"a": "]}, \" [{"}, {"b": "\\"}])") ==
        Lines{R"(1: {"a": "]}, \" [{"})", R"(1: {"b": "\\"})"});
}

TEST_CASE(
    "a file that does not begin with a list is cut into lines, whatever its name; blank lines count but are left out") {
  const Folder folder;
  CHECK(split(folder, "{\"a\": 1}\r\n\n  {\"b\": 2}  \n{\"c\": 3}") ==
        Lines{"1: {\"a\": 1}", "3: {\"b\": 2}", "4: {\"c\": 3}"});
}

TEST_CASE("a file whose records cannot be told apart names the line") {
  const Folder folder;
  CHECK(error(folder, "") == "file.json:1: the file is empty.");
  CHECK(error(folder, " \n\n ") == "file.json:3: the file is empty.");
  CHECK(error(folder, "\n[ ]") == "file.json:2: the list has no records.");
  CHECK(error(folder, "[1,\n,2]") == "file.json:2: a record is missing between two commas, or after the last one.");
  CHECK(error(folder, "[1,\n2,\n]") == "file.json:3: a record is missing between two commas, or after the last one.");
  CHECK(error(folder, "[1,\n{\"a\": [2}") ==
        "file.json:2: the file ends inside this record: a bracket or quote is not closed.");
  CHECK(error(folder, "[\"never closed\\") ==
        "file.json:1: the file ends inside this record: a bracket or quote is not closed.");
  CHECK(error(folder, "[1\n}]") == "file.json:2: a '}' closes nothing.");
  CHECK(error(folder, "[1]\n\nrest") == "file.json:3: text follows the end of the list.");
}

TEST_CASE("any change of a file's bytes gives records or an error, never a crash") {
  const Folder folder;
  const std::string good =
      "[{\"instruction\": \"a \\\" b\", \"history\": [[\"x\", \"y\"]]},\n {\"output\": \"\\u00e9\"}, null]";
  std::mt19937 random(7);
  int errors = 0;
  for (int round = 0; round < 600; ++round) {
    std::string text = good;
    for (unsigned change = random() % 4 + 1; change-- > 0;) {
      const std::size_t at = random() % text.size();
      switch (random() % 3) {
        case 0:
          text[at] = static_cast<char>("[]{},\"\\\n a"[random() % 10]);
          break;
        case 1:
          text.erase(at, random() % 5);
          break;
        default:
          text.insert(at, 1, static_cast<char>(random() % 256));
      }
      if (text.empty()) text.push_back(' ');
    }
    errors += !error(folder, text).empty();
  }
  MESSAGE(errors << " of 600 changed files were refused");
  CHECK(errors > 100);
  CHECK(errors < 600);
}
