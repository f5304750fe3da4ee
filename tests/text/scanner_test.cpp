#include <doctest/doctest.h>

#include <random>
#include <string>
#include <vector>

#include "text/pieces.hpp"
#include "text/pre_tokenizer.hpp"
#include "text/split_scanner.hpp"
#include "text/unicode.hpp"

namespace {

using namespace lmf::text;

std::vector<std::string> cut(const PreTokenizer& pre_tokenizer, const std::string& text) {
  static RegexWorkspace work;
  Pieces pieces;
  pieces.reset(text, true);
  pre_tokenizer.apply(pieces, work);
  std::vector<std::string> words;
  for (const auto& piece : pieces.list()) words.emplace_back(pieces.view(piece));
  return words;
}

Json split_by(std::string_view pattern) {
  return {{"type", "Split"}, {"pattern", {{"Regex", pattern}}}, {"behavior", "Isolated"}, {"invert", false}};
}

/// Text from the characters and sequences on which the patterns' alternatives meet.
class RandomText {
 public:
  explicit RandomText(unsigned seed) : random_(seed) {}
  std::string next() {
    std::string text;
    for (std::size_t parts = at_most(30) + 1; parts-- > 0;) {
      if (at_most(3) > 0)
        text += kParts[at_most(std::size(kParts) - 1)];
      else
        unicode::append(text, character());
    }
    return text;
  }

 private:
  std::size_t at_most(std::size_t bound) { return std::uniform_int_distribution<std::size_t>(0, bound)(random_); }
  char32_t character() {
    static constexpr char32_t kBounds[] = {0x7F, 0x2FF, 0xFFF, 0x3100, 0xD7FF, 0x10FFFF};
    const auto code = static_cast<char32_t>(at_most(kBounds[at_most(std::size(kBounds) - 1)]));
    return code >= 0xD800 && code < 0xE000 ? U' ' : code;
  }
  static constexpr const char* kParts[] = {
      " ",      " ",      "  ",     "\n",     "\r\n",   "\n\n",    "\t",     "\x0B",   "\u00a0",     "\u0085", "\u180e",
      "\u2003", "\u3000", "'",      "'s",     "'S",     "'\u017f", "'ll",    "'lL",    "'re",        "'Ve",    "'d",
      "'M",     "'t",     "''",     "a",      "b",      "Z",       "XY",     "abc",    "\u00e9",     "\u00c9", "\u01c5",
      "\u02b0", "\u4e2d", "\u0301", "\u0903", "\u20dd", "1",       "23",     "4567",   "\u0663",     "\u00bd", "\u2167",
      ".",      ",",      "!?",     "/",      "//",     "-",       "\u2014", "\u20ac", "\U0001F600", "\u200d", "_"};
  std::mt19937 random_;
};

}  // namespace

TEST_CASE("hand-written scanners cut random text exactly as their patterns do") {
  RandomText texts(7);
  for (const std::string_view pattern : {kGpt2Pattern, kLlama3Pattern, kQwen2Pattern, kTekkenPattern}) {
    REQUIRE(static_cast<bool>(scanner_for(pattern)));
    const Json split = split_by(pattern);
    const PreTokenizer scanner = read_pre_tokenizer(&split, "scanner", true);
    const PreTokenizer regex = read_pre_tokenizer(&split, "regex", false);
    for (int i = 0; i < 20000; ++i) {
      const std::string text = texts.next();
      REQUIRE_MESSAGE(cut(scanner, text) == cut(regex, text), pattern << " on " << text);
    }
  }
}

TEST_CASE("hand-written scanners agree with their patterns on every character") {
  for (const std::string_view pattern : {kGpt2Pattern, kLlama3Pattern, kQwen2Pattern, kTekkenPattern}) {
    const Json split = split_by(pattern);
    const PreTokenizer scanner = read_pre_tokenizer(&split, "scanner", true);
    const PreTokenizer regex = read_pre_tokenizer(&split, "regex", false);
    std::string text;
    for (char32_t code = 1; code < 0x110000; ++code) {
      if (code >= 0xD800 && code < 0xE000) continue;
      for (const char* before : {"a", "1", " ", "\n"}) unicode::append(text.append(before), code);
      if (code % 256 != 255) continue;
      REQUIRE_MESSAGE(cut(scanner, text) == cut(regex, text), pattern << " below " << static_cast<std::uint32_t>(code));
      text.clear();
    }
  }
}

TEST_CASE("a pattern that nobody knows has no scanner") { CHECK_FALSE(static_cast<bool>(scanner_for("a+"))); }

TEST_CASE("scanners take known texts apart as documented") {
  const Json split = split_by(kLlama3Pattern);
  CHECK(cut(read_pre_tokenizer(&split, "here"), "I'M here  now\n\n 12345!\n") ==
        std::vector<std::string>{"I", "'M", " here", " ", " now", "\n\n", " ", "123", "45", "!\n"});
}
