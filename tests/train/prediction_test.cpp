// What was predicted: its scores against the original's, and the rows that a run goes on with.
#include <cmath>
#include <fstream>

#include <doctest/doctest.h>

#include "lmf/error.hpp"
#include "train/fixture.hpp"
#include "train/worker/prediction_rows.hpp"
#include "train/worker/word_cut.hpp"

using namespace lmf;
using nlohmann::json;
namespace fs = std::filesystem;

namespace {

std::string text_of(const fs::path& file) {
  std::ifstream stream(file);
  return {std::istreambuf_iterator<char>(stream), {}};
}

std::vector<std::u32string> cut(std::string_view text) { return train::cut_words(train::characters_of(text)); }

train::Prediction row(const std::string& predicted) { return {"<s>q", predicted, "é\n", {1.5, 2, 3, 4, 100, 6}}; }

}  // namespace

TEST_CASE("BLEU-4 and ROUGE are the original's for texts without Chinese characters, to the last digit") {
  const json cases = test::train_fixture("scores.json");
  REQUIRE(cases.size() > 300);
  for (const json& one : cases) {
    CAPTURE(one.dump());
    const auto scores = train::score_text(one["predicted"], one["expected"]);
    CHECK(scores.bleu_4 == one["scores"]["bleu-4"]);
    CHECK(scores.rouge_1 == one["scores"]["rouge-1"]);
    CHECK(scores.rouge_2 == one["scores"]["rouge-2"]);
    CHECK(scores.rouge_l == one["scores"]["rouge-l"]);
  }
}

TEST_CASE("exact match passes over white space around the texts, F1 counts words as often as both have them") {
  CHECK(train::score_text(" Oslo\n", "Oslo").exact_match == 100.0);
  CHECK(train::score_text("oslo", "Oslo").exact_match == 0.0);
  CHECK(train::score_text("the the cat", "the cat sat").f1 == 66.6667);
  CHECK(train::score_text("", "").f1 == 100.0);
  CHECK(train::score_text("", "").exact_match == 100.0);
  CHECK(train::score_text("a", "").f1 == 0.0);
}

TEST_CASE("words are jieba's, Chinese characters come one by one, broken bytes are characters of their own") {
  using Words = std::vector<std::u32string>;
  CHECK((cut("v1.2-rc C++") == Words{U"v1.2", U"-", U"rc", U" ", U"C++"}));
  CHECK((cut("你好world") == Words{U"你", U"好", U"world"}));
  CHECK((train::characters_of("a\xff\xc3z\xe4\xbd") == U"a\uFFFD\uFFFDz\uFFFD\uFFFD"));
}

TEST_CASE("rows of all ranks are read again when they tell of the same work; a cut line and all after it are not") {
  const test::TemporaryFolder folder;
  const fs::path first = folder.path() / "generated_predictions.partial-0.jsonl";
  {
    train::PredictionRows zero(folder.path(), "work"), one(folder.path(), "work");
    zero.begin(0);
    one.begin(1);
    zero.add(4, row("four"));
    zero.add(0, row("zero"));
    one.add(1, row("one"));
  }
  std::ofstream(first, std::ios::app) << R"({"example": 2, "prom)";
  train::PredictionRows again(folder.path(), "work");
  auto rows = again.read();
  REQUIRE(rows.size() == 3);
  CHECK(rows[4].predicted == "four");
  CHECK(rows[1].scores.exact_match == 100.0);
  again.begin(0);
  again.add(2, row("two"));
  rows = again.read();
  CHECK(rows.size() == 4);
  CHECK(train::PredictionRows(folder.path(), "other work").read().empty());
  again.finish(rows);
  CHECK(text_of(folder.path() / "generated_predictions.jsonl") ==
        "{\"prompt\": \"<s>q\", \"predict\": \"zero\", \"label\": \"é\\n\"}\n"
        "{\"prompt\": \"<s>q\", \"predict\": \"one\", \"label\": \"é\\n\"}\n"
        "{\"prompt\": \"<s>q\", \"predict\": \"two\", \"label\": \"é\\n\"}\n"
        "{\"prompt\": \"<s>q\", \"predict\": \"four\", \"label\": \"é\\n\"}\n");
  CHECK_FALSE(fs::exists(first));
}
