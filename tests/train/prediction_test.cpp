// What was predicted: its scores against the original's, and the rows that a run goes on with.
#include <cmath>
#include <cstdlib>
#include <fstream>

#include <doctest/doctest.h>

#include "base/files.hpp"
#include "lmf/error.hpp"
#include "train/fixture.hpp"
#include "train/worker/prediction_rows.hpp"
#include "train/worker/text_scores.hpp"
#include "train/worker/word_cut.hpp"

using namespace lmf;
using nlohmann::json;
namespace fs = std::filesystem;

namespace {

using Words = std::vector<std::u32string>;

const fs::path kWords = test::fixtures() / "train" / "words";

struct NamedDictionary {
  explicit NamedDictionary(const fs::path& folder) { ::setenv("LMF_JIEBA", folder.c_str(), 1); }
  ~NamedDictionary() { ::unsetenv("LMF_JIEBA"); }
};

Words cut(std::string_view text, const train::WordTable& table = {}) {
  return train::cut_words(train::characters_of(text), table);
}

train::Prediction row(const std::string& predicted) { return {"<s>q", predicted + "<e>", "é\n", predicted, "é"}; }

}  // namespace

TEST_CASE("BLEU-4 and ROUGE are the original's for texts without Chinese characters, to the last digit") {
  const json cases = test::train_fixture("scores.json");
  REQUIRE(cases.size() > 300);
  train::TextScorer scorer;
  for (const json& one : cases) {
    CAPTURE(one.dump());
    const auto scores = scorer.score(one["predicted"], one["expected"]);
    CHECK(scores.bleu_4 == one["scores"]["bleu-4"]);
    CHECK(scores.rouge_1 == one["scores"]["rouge-1"]);
    CHECK(scores.rouge_2 == one["scores"]["rouge-2"]);
    CHECK(scores.rouge_l == one["scores"]["rouge-l"]);
  }
}

TEST_CASE("the mean of any number of scores is numpy's to the last digit") {
  const json cases = test::train_fixture("means.json");
  REQUIRE(cases.size() > 20);
  for (const json& one : cases) {
    CAPTURE(one.dump());
    std::vector<train::TextScores> scores(one["count"].get<std::size_t>());
    std::int64_t number = 1;
    for (auto& score : scores) {
      number = number * 48271 % 2147483647;  // as make_scores.py draws them
      score.bleu_4 = static_cast<double>(number % 1000001) / 10000.0;
    }
    const auto mean = train::mean_of(scores);
    CHECK(mean.bleu_4 == one["mean"]);
    CHECK(mean.rouge_l == 0.0);
  }
}

TEST_CASE("exact match passes over white space around the texts, F1 counts words as often as both have them") {
  train::TextScorer scorer;
  CHECK(scorer.score(" Oslo\n", "Oslo").exact_match == 100.0);
  CHECK(scorer.score("oslo", "Oslo").exact_match == 0.0);
  CHECK(scorer.score("the the cat", "the cat sat").f1 == 66.6667);
  CHECK(scorer.score("", "").f1 == 100.0);
  CHECK(scorer.score("", "").exact_match == 100.0);
  CHECK(scorer.score("a", "").f1 == 0.0);
}

TEST_CASE("words are jieba's, without its dictionary Chinese characters come one by one, broken bytes are characters") {
  CHECK((cut("v1.2-rc C++") == Words{U"v1.2", U"-", U"rc", U" ", U"C++"}));
  CHECK((cut("你好world") == Words{U"你", U"好", U"world"}));
  CHECK((train::characters_of("a\xff\xc3z\xe4\xbd") == U"a\uFFFD\uFFFDz\uFFFD\uFFFD"));
}

TEST_CASE("with a dictionary and a model like its own, Chinese words are jieba's") {
  const train::WordTable table(kWords);
  const json cases = test::train_fixture("words.json");
  REQUIRE(cases.size() > 100);
  for (const json& one : cases) {
    CAPTURE(one.dump());
    Words expected;
    for (const json& word : one["words"]) expected.push_back(train::characters_of(word.get<std::string>()));
    const bool same = cut(one["text"].get<std::string>(), table) == expected;  // of a type that cannot be printed
    CHECK(same);
  }
}

TEST_CASE("a dictionary that is none is refused by its name, before a text needs it") {
  const test::TemporaryFolder folder;
  const auto refused = [&](const char* file, const std::string& content, const char* said) {
    fs::copy(kWords, folder.path() / "words", fs::copy_options::recursive);
    std::ofstream(folder.path() / "words" / file) << content;
    CAPTURE(said);
    CHECK_THROWS_WITH_AS(train::WordTable(folder.path() / "words"), doctest::Contains(said), Error);
    fs::remove_all(folder.path() / "words");
  };
  refused("dict.txt", "我 3 n\n们\n", "dict.txt is not as jieba 0.42.1 has it: line 2 has no word and frequency");
  refused("dict.txt", "我 many n\n", "'many' is no number");
  refused("finalseg/prob_start.py", "P={'X': 1}", "a place is none of B, E, M and S");
  refused("finalseg/prob_start.py", "P={'\\u4e00': 1}", "a place is none of B, E, M and S");
  refused("finalseg/prob_trans.py", "P={'B': {'E': -0.5, 'M", "it ends within an entry");
  refused("finalseg/prob_emit.py", "P={'B': {'ab': -0.5}}", "'ab' is no character");
  refused("finalseg/prob_emit.py", "", "it has no entries");
  const NamedDictionary named(folder.path() / "not-here");
  CHECK_THROWS_WITH_AS(train::TextScorer(), doctest::Contains("not-here/dict.txt"), Error);
}

TEST_CASE("scores of Chinese texts count the words of the dictionary that LMF_JIEBA names") {
  const NamedDictionary named(kWords);
  train::TextScorer scorer;
  const auto scores = scorer.score("我们学习", "我们喜欢学习");  // two words of two, two of three
  CHECK(scores.rouge_1 == 80.0);
  CHECK(scores.rouge_2 == 0.0);
  CHECK(scores.rouge_l == 80.0);
  CHECK(scores.f1 == 80.0);
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
  CHECK(rows[4].predicted == "four<e>");
  CHECK(rows[1].compared_predicted == "one");
  CHECK(rows[1].compared_expected == "é");
  again.begin(0);
  again.add(2, row("two"));
  rows = again.read();
  CHECK(rows.size() == 4);
  CHECK(train::PredictionRows(folder.path(), "other work").read().empty());
  again.finish(rows);
  CHECK(read_file(folder.path() / "generated_predictions.jsonl") ==
        "{\"prompt\": \"<s>q\", \"predict\": \"zero<e>\", \"label\": \"é\\n\"}\n"
        "{\"prompt\": \"<s>q\", \"predict\": \"one<e>\", \"label\": \"é\\n\"}\n"
        "{\"prompt\": \"<s>q\", \"predict\": \"two<e>\", \"label\": \"é\\n\"}\n"
        "{\"prompt\": \"<s>q\", \"predict\": \"four<e>\", \"label\": \"é\\n\"}\n");
  CHECK_FALSE(fs::exists(first));
}
