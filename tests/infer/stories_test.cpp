#include <fstream>

#include <doctest/doctest.h>
#include <nlohmann/json.hpp>

#include "infer/generate.hpp"
#include "support/places.hpp"

namespace {

/// The texts of tok512.bin, llama2.c's format: int32 longest; for each token float32 score, int32 length, bytes.
std::vector<std::string> read_pieces(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  std::int32_t longest = 0, length = 0;
  float score = 0;
  file.read(reinterpret_cast<char*>(&longest), sizeof longest);
  std::vector<std::string> pieces;
  while (file.read(reinterpret_cast<char*>(&score), sizeof score) &&
         file.read(reinterpret_cast<char*>(&length), sizeof length)) {
    REQUIRE(length >= 0);
    REQUIRE(length <= longest);
    pieces.emplace_back(static_cast<std::size_t>(length), '\0');
    file.read(pieces.back().data(), length);
  }
  return pieces;
}

/// SentencePiece writes a byte that has no token as <0x0A>; the text's first blank belongs to no word.
std::string join(const std::vector<std::string>& pieces, const std::vector<std::int32_t>& ids) {
  std::string text;
  for (const auto id : ids) {
    const std::string& piece = pieces.at(static_cast<std::size_t>(id));
    if (piece.size() == 6 && piece.starts_with("<0x"))
      text += static_cast<char>(std::stoi(piece.substr(3, 2), nullptr, 16));
    else
      text += text.empty() && piece.starts_with(' ') ? piece.substr(1) : piece;
  }
  return text;
}

}  // namespace

TEST_CASE("a trained model tells its story through the cache") {
  const auto folder = *lmf::test::shared_directory() / "assets/stories260K";
  std::ifstream file(folder / "expected.json");
  const auto expected = nlohmann::json::parse(file);
  const auto decoder = lmf::model::Decoder::load(folder, torch::kFloat32);
  const std::vector<std::int32_t> prompt = expected.at("prompt_ids");
  std::vector<std::int32_t> ids = expected.at("greedy_ids");
  ids.erase(ids.begin(), ids.begin() + static_cast<std::ptrdiff_t>(prompt.size()));

  lmf::infer::Request request{
      .prompt = prompt, .stop_ids = {}, .max_new_tokens = static_cast<std::int64_t>(ids.size()), .sampling = {}};
  request.sampling.do_sample = false;
  lmf::infer::Engine engine(lmf::infer::make_executor(decoder, {}));
  const std::atomic<bool> never{false};
  const auto answer = lmf::infer::generate(
      engine, request, [](std::int32_t) {}, never);
  CHECK(answer.ids == ids);
  CHECK(join(read_pieces(folder / "tok512.bin"), answer.ids) == expected.at("text").get<std::string>());
}
