#include "infer/answer_text.hpp"

#include <doctest/doctest.h>

#include "support/places.hpp"

using lmf::infer::AnswerText;
using lmf::text::Tokenizer;

namespace {

const Tokenizer& tokenizer() {
  static const auto loaded = Tokenizer::load(lmf::test::fixtures() / "text" / "qwen2");
  return loaded;
}

struct Told {
  std::vector<std::string> pieces;
  std::string text;
  bool stopped = false;
};

Told tell(std::string_view text, std::vector<std::string> stops) {
  AnswerText answer(tokenizer(), std::move(stops));
  Told told;
  const auto add = [&](std::string piece) {
    told.text += piece;
    if (!piece.empty()) told.pieces.push_back(std::move(piece));
  };
  for (const auto id : tokenizer().encode(text)) add(answer.push(id));
  add(answer.finish());
  told.stopped = answer.stopped();
  return told;
}

}  // namespace

TEST_CASE("a stop string counts from when it may") {
  AnswerText answer(tokenizer(), {"o"});
  std::string text;
  for (const auto id : tokenizer().encode("One two go on")) text += answer.push(id, text.size() >= 7);
  CHECK(text == "One two g");
  CHECK(answer.stopped());
}

TEST_CASE("without stop strings the text is the tokens', piece by piece") {
  const auto told = tell("One two, three 🦊!", {});
  CHECK(told.text == "One two, three 🦊!");
  CHECK(told.pieces.size() > 3);
  CHECK_FALSE(told.stopped);
}

TEST_CASE("neither a stop string nor its beginning is ever told, wherever tokens are cut") {
  for (const std::string stop : {"three", " thr", "e", "wo, th", "!"}) {
    const std::string text = "One two, three four!";
    const auto told = tell(text, {"never", stop});
    CHECK(told.text == text.substr(0, text.find(stop)));
    CHECK(told.stopped);
  }
}

TEST_CASE("what looked like a stop string and was none is told, at the latest at the end") {
  CHECK(tell("a STO b STO", {"STOP"}).text == "a STO b STO");
  CHECK(tell("aaab", {"aab"}).text == "a");
  CHECK(tell("ababac", {"abac"}).text == "ab");
}

TEST_CASE("the first stop string in the text counts, not the first in the list") {
  CHECK(tell("one two three", {"three", "two"}).text == "one ");
}
