#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "lmf/error.hpp"
#include "text/regex.hpp"

namespace {

using lmf::text::Regex;
using lmf::text::RegexWorkspace;

/// Matches in brackets, the rest as it is.
std::string marked(const std::string& pattern, const std::string& text) {
  const Regex regex(pattern, "test");
  RegexWorkspace work;
  std::string result;
  regex.partition(text, work, [&](std::size_t begin, std::size_t end, bool match) {
    result += match ? "[" + text.substr(begin, end - begin) + "]" : text.substr(begin, end - begin);
  });
  return result;
}

}  // namespace

TEST_CASE("white space is Unicode's: not the Mongolian vowel separator") {
  CHECK(marked(R"(\s+)", "a \u00a0\u3000\u0085b\u180ec") == "a[ \u00a0\u3000\u0085]b\u180ec");
  CHECK(marked(R"(\S+)", "a \u180eb") == "[a] [\u180eb]");
  CHECK(marked(R"([^\s]+)", "a \u180eb") == "[a] [\u180eb]");
}

TEST_CASE("letters and numbers newer than the library's tables are known") {
  CHECK(marked(R"(\p{L}+)", "a\U00010d50\U000105c0.") == "[a\U00010d50\U000105c0].");
  CHECK(marked(R"(\d+)", "1\U00010d40x") == "[1\U00010d40]x");
  CHECK(marked(R"([^\p{L}]+)", "\U00010d50--") == "\U00010d50[--]");
}

TEST_CASE("^ and $ are ends of lines, \\h is a hexadecimal digit, \\u names a character") {
  CHECK(marked("^a", "aa\na") == "[a]a\n[a]");
  CHECK(marked(R"(\h+)", "xf0g") == "x[f0]g");
  CHECK(marked(R"([\u4e00-\u9fa5]+)", "a\u4e2d\u6587b") == "a[\u4e2d\u6587]b");
}

TEST_CASE("empty matches advance by one character and never repeat") {
  CHECK(marked("x*", "a\u00e9xxb") == "[]a[]\u00e9[xx]b[]");
}

TEST_CASE("a literal matches itself, whatever it is made of") {
  const Regex regex = Regex::literal("a.b*[\\]\u2581", "test");
  RegexWorkspace work;
  const auto match = regex.find("xa.b*[\\]\u2581", 0, work);
  REQUIRE(match);
  CHECK(match->begin == 1);
  CHECK_FALSE(regex.find("xaxb*[\\]\u2581", 0, work));
}

TEST_CASE("what Oniguruma reads otherwise is refused with the place") {
  for (const char* pattern : {"[a[bc]]", "[a&&b]", R"(\bword)", "a{1,3}+", R"(\p)", "(", R"(\u12)", "a\\", R"(\C)"}) {
    INFO(pattern);
    CHECK_THROWS_WITH_AS(Regex(pattern, "tokenizer.json: pre_tokenizer.pattern"),
                         doctest::Contains("tokenizer.json: pre_tokenizer.pattern"), lmf::Error);
  }
  CHECK_NOTHROW(Regex(R"(\p{N}++[[:alpha:]]+\p{Lu}{2}x)", "test"));
}

TEST_CASE("a pattern that explodes ends with a sentence, not a hang") {
  const Regex regex("(?:a|aa)+[bc]", "file: pattern");
  RegexWorkspace work;
  CHECK_THROWS_WITH_AS(regex.find(std::string(4000, 'a'), 0, work), doctest::Contains("file: pattern"), lmf::Error);
}
