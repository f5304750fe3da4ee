// Which parts of which texts a quantised export is calibrated on.
#include <doctest/doctest.h>

#include <algorithm>
#include <set>

#include <nlohmann/json.hpp>

#include "calibration.hpp"
#include "data/folder.hpp"
#include "support/places.hpp"

using namespace lmf::exporter;
using lmf::test::Folder;
using Sequences = CalibrationTexts::Sequences;

namespace {

const lmf::text::Tokenizer& tokenizer() {
  static const auto loaded = lmf::text::Tokenizer::load(lmf::test::share() / "models/demo");
  return loaded;
}

/// A text about one country: its words tell which.
std::string text(std::size_t number, std::size_t words) {
  std::string text;
  for (std::size_t i = 0; i < words; ++i) text += "word" + std::to_string(number) + "x" + std::to_string(i) + " ";
  return text;
}

std::string lines(std::size_t count, std::size_t words) {
  std::string lines;
  for (std::size_t i = 0; i < count; ++i) lines += nlohmann::json{{"text", text(i, words)}}.dump() + "\n";
  return lines;
}

/// Which text a sequence is of, and that it is a part of it.
std::size_t origin(const std::vector<std::int32_t>& sequence, std::size_t count, std::size_t words) {
  for (std::size_t i = 0; i < count; ++i) {
    const auto whole = tokenizer().encode(text(i, words));
    if (std::search(whole.begin(), whole.end(), sequence.begin(), sequence.end()) != whole.end()) return i;
  }
  return count;
}

Quantization wanted(const std::filesystem::path& dataset, std::size_t samples, std::size_t longest) {
  return {.bits = 4, .dataset = dataset, .origin = "x.yaml:3", .samples = samples, .longest = longest, .seed = 42};
}

}  // namespace

TEST_CASE("parts of distinct texts are drawn, and others are held out") {
  const Folder folder;
  const auto file = folder.write("texts.jsonl", lines(30, 20));
  const auto drawn = draw_calibration_texts(wanted(file, 16, 24), tokenizer());
  CHECK(drawn.calibration.size() == 16);
  CHECK(drawn.held_out.size() == 2);
  std::set<std::size_t> origins;
  for (const Sequences* sequences : {&drawn.calibration, &drawn.held_out})
    for (const auto& sequence : *sequences) {
      CHECK(sequence.size() == 24);
      origins.insert(origin(sequence, 30, 20));
    }
  CHECK(origins.size() == 18);
  CHECK(!origins.contains(30));

  const auto again = draw_calibration_texts(wanted(file, 16, 24), tokenizer());
  CHECK(again.calibration == drawn.calibration);
  CHECK(again.held_out == drawn.held_out);
  auto otherwise = wanted(file, 16, 24);
  otherwise.seed = 43;
  CHECK(draw_calibration_texts(otherwise, tokenizer()).calibration != drawn.calibration);
}

TEST_CASE("texts are taken again when there are too few, and short ones are passed over") {
  const Folder folder;
  std::string some = "[" + nlohmann::json(text(0, 20)).dump() + ",";
  some += nlohmann::json("short").dump() + "," + nlohmann::json{{"text", text(1, 20)}}.dump() + "]";
  const auto drawn = draw_calibration_texts(wanted(folder.write("texts.json", some), 5, 24), tokenizer());
  CHECK(drawn.calibration.size() == 5);
  REQUIRE(drawn.held_out.size() == 1);
  const std::size_t held = origin(drawn.held_out[0], 2, 20);
  for (const auto& sequence : drawn.calibration) CHECK(origin(sequence, 2, 20) == 1 - held);
}

TEST_CASE("of one text the end is held out") {
  const Folder folder;
  const auto file = folder.write("text.txt", text(0, 400));
  const auto drawn = draw_calibration_texts(wanted(file, 64, 32), tokenizer());
  const auto whole = tokenizer().encode(text(0, 400));
  REQUIRE(drawn.held_out.size() == 8);
  const auto& first = drawn.held_out.front();
  const auto begin = std::search(whole.begin(), whole.end(), first.begin(), first.end()) - whole.begin();
  CHECK(begin == static_cast<std::ptrdiff_t>(whole.size() - whole.size() / 8));
  for (const auto& sequence : drawn.calibration) {
    const auto at = std::search(whole.begin(), whole.end(), sequence.begin(), sequence.end()) - whole.begin();
    CHECK(at + 32 <= begin);
  }
}

TEST_CASE("a file without texts that are long enough, or without texts, is refused") {
  const Folder folder;
  const auto error = [&](const char* name, const std::string& content) {
    const auto file = folder.write(name, content);
    return lmf::test::error_of(folder.path(), [&] { draw_calibration_texts(wanted(file, 4, 64), tokenizer()); });
  };
  const std::string short_ones = error("short.jsonl", lines(3, 2));
  CHECK(short_ones.find("x.yaml:3: none of the 3 texts in short.jsonl has the 64 tokens of "
                        "export_quantization_maxlen; the longest has ") == 0);
  CHECK(error("records.jsonl", "{\"instruction\": \"say\"}\n").find("records.jsonl:1") == 0);
  CHECK(error("broken.jsonl", "{\"text\": oh}\n").find("not JSON") != std::string::npos);
  std::size_t words = 1;  // just long enough, and no longer so without its end
  while (tokenizer().encode(text(0, words)).size() < 64) ++words;
  REQUIRE(tokenizer().encode(text(0, words)).size() < 73);
  CHECK(error("one.txt", text(0, words)).find("last eighth") != std::string::npos);
  CHECK(error("empty.jsonl", "").find("empty") != std::string::npos);
}
