#include "base/printable.hpp"

#include <doctest/doctest.h>

using lmf::printable;

TEST_CASE("text of any script, newlines and tabs pass unchanged") {
  const std::string text = "Grüße, 東京 🙂\n\tκαλημέρα";
  CHECK(printable(text) == text);
}

TEST_CASE("escape sequences and other control characters are shown, not obeyed") {
  CHECK(printable("\x1b[2J\x1b]0;title\x07") == "␛[2J␛]0;title␇");
  CHECK(printable("a\rb\bc\x7f") == "a␍b␈c␡");
  CHECK(printable(std::string("\0", 1)) == "␀");
  CHECK(printable("\xc2\x9b"
                  "31m") ==
        "\xef\xbf\xbd"
        "31m");                                                // U+009B, an escape sequence's begin in one character
  CHECK(printable("\xc2\xa0\xc2\xbf") == "\xc2\xa0\xc2\xbf");  // U+00A0 is no control character any more
  for (int byte = 0; byte < 0x20; ++byte)
    if (byte != '\n' && byte != '\t') CHECK(printable(std::string(1, static_cast<char>(byte))).size() == 3);
}

TEST_CASE("what turns the direction of writing is shown, not obeyed") {
  for (const char* mark : {"\u061c", "\u200e", "\u200f", "\u202a", "\u202b", "\u202c", "\u202d", "\u202e", "\u2066",
                           "\u2067", "\u2068", "\u2069"}) {
    CHECK(printable(std::string("a") + mark + "b") == "a\ufffdb");
    CHECK(lmf::has_control_characters(mark));
  }
  const std::string text = "שלום, مرحبا \u2014 \u200d\u2028\u2065\u2070";  // its own direction is the letters'
  CHECK(printable(text) == text);
}

TEST_CASE("JSON has escapes for what a terminal would obey, and is the same JSON") {
  const std::string json = "{\n  \"a\": \"\\u001b[2J\\n\x7f\u0085\u009b31m\u202e Grüße, 東京\"\n}\n";
  CHECK(lmf::printable_json(json) == "{\n  \"a\": \"\\u001b[2J\\n\\u007f\\u0085\\u009b31m\\u202e Grüße, 東京\"\n}\n");
}

TEST_CASE("what shall stay on one line does") {
  CHECK(lmf::printable_line("Grüße,\n\t\x1b[2J 東京") == "Grüße,␊␉␛[2J 東京");
}

TEST_CASE("what a terminal would obey is found in a text, also where it takes several bytes") {
  using lmf::has_control_characters;
  for (const char* text : {"", "Grüße, 東京 🙂 κ“α”…", "שלום", "\xc2\xa0", "\xe2\x80\xa9", "\xe2\x80\xaf",
                           "\xe2\x81\xa5", "\xc2"})
    CHECK_FALSE(has_control_characters(text));
  for (const char* text : {"a\nb", "\t", "\x1b[2J", "\x7f", "\xc2\x80", "\xc2\x9b", "\xe2\x80\xaa", "\xe2\x80\xae",
                           "a\xe2\x81\xa6", "\xe2\x81\xa9"})
    CHECK(has_control_characters(text));
  CHECK(has_control_characters(std::string("\0", 1)));
}

TEST_CASE("a long word is cut between two characters") {
  CHECK(lmf::shortened("train") == "train");
  CHECK(lmf::shortened("abcdef", 6) == "abcdef");
  CHECK(lmf::shortened("abcdef", 3) == "abc...");
  CHECK(lmf::shortened("a東京", 5) == "a東...");
  CHECK(lmf::shortened("東", 2) == "...");
  CHECK(lmf::shortened("a\n\x1b[31mb", 6) == "a␊␛[31...");
  CHECK(lmf::shortened("a\tb") == "a␉b");
  CHECK(lmf::shortened("\x80\x80\x80", 2) == "...");
}
