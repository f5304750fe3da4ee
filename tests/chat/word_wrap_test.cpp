#include "word_wrap.hpp"

#include <doctest/doctest.h>

using lmf::chat::WordWrap;

namespace {

std::string wrapped(int width, std::string_view text, std::size_t piece, int column = 0) {
  WordWrap wrap([=] { return width; });
  wrap.finish(column);
  std::string out;
  for (std::size_t i = 0; i < text.size(); i += piece) out += wrap.push(text.substr(i, piece));
  return out + wrap.finish();
}

}  // namespace

TEST_CASE("a line breaks between words, whatever the pieces are") {
  for (const std::size_t piece : {1, 2, 3, 100}) {
    CAPTURE(piece);
    CHECK(wrapped(10, "the capital of France", piece) == "the\ncapital of\nFrance");
    CHECK(wrapped(11, "the capital", piece) == "the capital");
    CHECK(wrapped(10, "one\ntwo three\n\nfour", piece) == "one\ntwo three\n\nfour");
    CHECK(wrapped(0, "never broken, however long the line is", piece) == "never broken, however long the line is");
  }
  CHECK(wrapped(20, "Paris, of course", 100, 11) == "Paris, of\ncourse");
}

TEST_CASE("a word longer than a line is left to the terminal") {
  CHECK(wrapped(5, "abcdefghijk lm", 1) == "abcdefghijk lm");
  CHECK(wrapped(5, "abcdefghijk lmno", 1) == "abcdefghijk\nlmno");
}

TEST_CASE("characters count as wide as they are shown") {
  CHECK(wrapped(6, "日本語日本", 100) == "日本語\n日本");
  CHECK(wrapped(7, "日本語日本", 100) == "日本語\n日本");
  // e with a combining accent is one column
  CHECK(wrapped(4, "e\u0301e\u0301 e\u0301", 100) == "e\u0301e\u0301 e\u0301");
}
