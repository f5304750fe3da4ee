#include <doctest/doctest.h>

#include <string>

#include "text/canonical_form.hpp"
#include "text/unicode.hpp"

namespace {

using namespace lmf::text;

std::string form(std::string text, CanonicalForm wanted) {
  to_canonical_form(text, wanted);
  return text;
}

}  // namespace

TEST_CASE("invalid UTF-8 becomes one U+FFFD for each maximal part of a character") {
  const std::string mark = "\xEF\xBF\xBD";
  CHECK(unicode::replace_invalid("a\xFF"
                                 "b") == "a" + mark + "b");
  CHECK(unicode::replace_invalid("\xE4\xBD") == mark);
  CHECK(unicode::replace_invalid("\xE4\xBD"
                                 "x") == mark + "x");
  CHECK(unicode::replace_invalid("\xF0\x9F\x98") == mark);
  CHECK(unicode::replace_invalid("\xC0\xAF") == mark + mark);
  CHECK(unicode::replace_invalid("\xED\xA0\x80") == mark + mark + mark);
  CHECK(unicode::replace_invalid("\xF4\x90\x80\x80") == mark + mark + mark + mark);
  CHECK(unicode::replace_invalid("\u4e2d\U0001F600") == "\u4e2d\U0001F600");
}

TEST_CASE("the valid prefix ends before the first wrong byte") {
  CHECK(unicode::valid_prefix("ab\xE4\xBD") == 2);
  CHECK(unicode::valid_prefix("\u00e9") == 2);
  CHECK(unicode::valid_prefix("") == 0);
}

TEST_CASE("character classes") {
  CHECK(unicode::is_letter(U'\u4e2d'));
  CHECK(unicode::is_number(U'\u00bd'));
  CHECK(unicode::is_mark(U'\u0301'));
  CHECK_FALSE(unicode::is_mark(U'\u0898'));
  CHECK(unicode::is_punctuation(U'$'));
  CHECK(unicode::is_punctuation(U'\u2014'));
  CHECK_FALSE(unicode::is_punctuation(U'\u20ac'));
  CHECK(unicode::is_space(U'\u3000'));
  CHECK_FALSE(unicode::is_space(U'\u200b'));
  CHECK(unicode::is_word(U'_'));
  CHECK_FALSE(unicode::is_word(U'-'));
}

TEST_CASE("canonical forms compose, decompose and reorder") {
  CHECK(form("e\u0301", CanonicalForm::nfc) == "\u00e9");
  CHECK(form("\u00e9", CanonicalForm::nfd) == "e\u0301");
  CHECK(form("\ufb01\u2460", CanonicalForm::nfkc) == "fi1");
  CHECK(form("a\u0302\u0323", CanonicalForm::nfc) == "\u1ead");
  CHECK(form("plain", CanonicalForm::nfkd) == "plain");
}

TEST_CASE("characters newer than Unicode 9 keep their place and form") {
  CHECK(form("\u09fe\u0334", CanonicalForm::nfc) == "\u09fe\u0334");
  CHECK(form("\u32ff", CanonicalForm::nfkc) == "\u32ff");
}
