// GGUF files: the blocks beside those of PyPI's gguf (tests/fixtures/export/blocks.*, made by make_blocks.py there),
// names, orders and vocabularies.
#include <doctest/doctest.h>

#include <cmath>
#include <cstring>

#include <nlohmann/json.hpp>

#include "base/files.hpp"
#include "gguf/gguf_writer.hpp"
#include "gguf/header.hpp"
#include "gguf/metadata.hpp"
#include "gguf/tensor_names.hpp"
#include "gguf/vocabulary.hpp"
#include "lmf/error.hpp"
#include "model/numbers.hpp"
#include "export/fixture.hpp"
#include "support/places.hpp"

using namespace lmf::exporter;
namespace fs = std::filesystem;
using lmf::test::export_fixture;
using lmf::test::TemporaryFolder;

namespace {

std::string stored(BlockType type, const std::vector<float>& numbers) {
  std::string blocks(row_bytes(type, numbers.size()), '\0');
  store_row(type, numbers.data(), numbers.size(), reinterpret_cast<std::byte*>(blocks.data()));
  return blocks;
}

/// The rows that make_blocks.py stored.
std::vector<float> test_numbers() {
  const std::string bytes = lmf::read_file(export_fixture("blocks.f32"));
  std::vector<float> numbers(bytes.size() / 4);
  std::memcpy(numbers.data(), bytes.data(), bytes.size());
  return numbers;
}

float half_at(const std::string& bytes, std::size_t at) {
  std::uint16_t half;
  std::memcpy(&half, bytes.data() + at, 2);
  return lmf::model::from_half(half);
}

/// The numbers that ggml makes of a block again, written from its layout.
std::vector<float> read_q6_k(const std::string& blocks) {
  std::vector<float> numbers;
  for (std::size_t block = 0; block < blocks.size(); block += 210) {
    const auto* bytes = reinterpret_cast<const std::uint8_t*>(blocks.data() + block);
    const float scale = half_at(blocks, block + 208);
    for (int i = 0; i < 256; ++i) {
      const int half = i / 128, row = i % 128 / 32, column = i % 32;
      const int low = bytes[half * 64 + (row % 2) * 32 + column] >> (row / 2 * 4) & 15;
      const int high = bytes[128 + half * 32 + column] >> (row * 2) & 3;
      const auto factor = static_cast<std::int8_t>(bytes[192 + i / 16]);
      numbers.push_back(scale * static_cast<float>(factor) * static_cast<float>((low | high << 4) - 32));
    }
  }
  return numbers;
}

std::vector<float> read_q4_k(const std::string& blocks) {
  std::vector<float> numbers;
  for (std::size_t block = 0; block < blocks.size(); block += 144) {
    const auto* bytes = reinterpret_cast<const std::uint8_t*>(blocks.data() + block);
    const float scale = half_at(blocks, block), offset = half_at(blocks, block + 2);
    const auto* packed = bytes + 4;
    for (int i = 0; i < 256; ++i) {
      const int part = i / 32;
      const int s = part < 4 ? packed[part] & 63 : (packed[part + 4] & 15) | packed[part - 4] >> 6 << 4;
      const int o = part < 4 ? packed[part + 4] & 63 : packed[part + 4] >> 4 | packed[part] >> 6 << 4;
      const int step = bytes[16 + part / 2 * 32 + i % 32] >> (part % 2 * 4) & 15;
      numbers.push_back(scale * static_cast<float>(s) * static_cast<float>(step) - offset * static_cast<float>(o));
    }
  }
  return numbers;
}

/// ‖a - b‖ / ‖b‖ over all.
double relative(const std::vector<float>& a, const std::vector<float>& b) {
  double difference = 0, size = 0;
  for (std::size_t i = 0; i < b.size(); ++i) {
    difference += std::pow(double(a[i]) - double(b[i]), 2);
    size += std::pow(double(b[i]), 2);
  }
  return std::sqrt(difference / size);
}

}  // namespace

TEST_CASE("blocks of F16, BF16, Q8_0 and Q4_0 have the bytes of gguf's quantiser") {
  const auto numbers = test_numbers();
  REQUIRE(numbers.size() % 256 == 0);
  const std::pair<BlockType, std::string> types[] = {
      {BlockType::f16, "F16"}, {BlockType::bf16, "BF16"}, {BlockType::q8_0, "Q8_0"}, {BlockType::q4_0, "Q4_0"}};
  for (const auto& [type, name] : types) {
    CAPTURE(name);
    CHECK(stored(type, numbers) == lmf::read_file(export_fixture("blocks." + name)));
  }
}

TEST_CASE("blocks of Q6_K and Q4_K lose what their bits make them lose") {
  auto numbers = test_numbers();
  numbers.resize(2048);  // those of a normal distribution, as weights are
  const double six = relative(read_q6_k(stored(BlockType::q6_k, numbers)), numbers);
  const double four = relative(read_q4_k(stored(BlockType::q4_k, numbers)), numbers);
  MESSAGE("relative error of Q6_K " << six << ", of Q4_K " << four);
  // Uniform steps of a normal distribution's part of 16 (range about 3.5 deviations) and of 32: 0.018 and 0.07.
  CHECK(six < 0.025);
  CHECK(four < 0.09);
  CHECK(relative(read_q6_k(stored(BlockType::q6_k, std::vector<float>(256, 1.5f))), std::vector<float>(256, 1.5f)) <
        1e-3);
  CHECK(relative(read_q4_k(stored(BlockType::q4_k, std::vector<float>(256, -1.5f))), std::vector<float>(256, -1.5f)) <
        1e-3);
  for (const BlockType type : {BlockType::q6_k, BlockType::q4_k})
    CHECK(stored(type, std::vector<float>(256, 0.0f)) == std::string(shape_of(type).bytes, '\0'));
}

TEST_CASE("a file's type decides how a tensor is stored") {
  using Part = TensorRole::Part;
  const auto type = [](FileKind kind, Part part, std::int64_t layer = 0, std::int64_t width = 512) {
    return type_for(kind, {part, layer, 32, width});
  };
  for (const auto& name : file_kinds()) CHECK(type(file_kind(name).value(), Part::vector) == BlockType::f32);
  CHECK(type(FileKind::q8_0, Part::head) == BlockType::q8_0);
  CHECK(type(FileKind::q4_0, Part::matrix) == BlockType::q4_0);
  CHECK(type(FileKind::q4_0, Part::head) == BlockType::q6_k);
  CHECK(type(FileKind::q4_k_m, Part::head) == BlockType::q6_k);
  CHECK(type(FileKind::q4_k_m, Part::matrix) == BlockType::q4_k);
  std::string values;
  for (std::int64_t layer = 0; layer < 32; ++layer)
    values += type(FileKind::q4_k_m, Part::value, layer) == BlockType::q6_k ? '6' : '4';
  CHECK(values == "66664464464464464464464464466666");
  CHECK(type(FileKind::q4_k_m, Part::matrix, 0, 96) == BlockType::q8_0);
  CHECK(type(FileKind::q6_k, Part::matrix, 0, 40) == BlockType::f16);
  CHECK(file_kind("q4_k_m") == FileKind::q4_k_m);
  CHECK(file_kind("Q8_0") == FileKind::q8_0);
  CHECK(!file_kind("q9"));
}

TEST_CASE("heads are put in the order that llama.cpp rotates in") {
  std::vector<float> rows(8 * 2);
  for (std::size_t i = 0; i < rows.size(); ++i) rows[i] = float(i / 2);  // the row's number
  permute_heads(rows, 8, 2, 4);
  std::string order;
  for (std::size_t i = 0; i < rows.size(); i += 2) order += std::to_string(int(rows[i]));
  CHECK(order == "02134657");
}

TEST_CASE("parameters have llama.cpp's names") {
  CHECK(gguf_name("model.layers.17.mlp.down_proj.weight").name == "blk.17.ffn_down.weight");
  CHECK(gguf_name("model.layers.0.self_attn.q_proj.bias").name == "blk.0.attn_q.bias");
  CHECK(gguf_name("model.layers.0.self_attn.k_norm.weight").name == "blk.0.attn_k_norm.weight");
  CHECK(gguf_name("model.embed_tokens.weight").name == "token_embd.weight");
  CHECK(gguf_name("lm_head.weight").name == "output.weight");
  CHECK(gguf_name("model.layers.0.mlp.experts.weight").name == "");
}

TEST_CASE("ways of cutting text have llama.cpp's names, and unknown ones none") {
  const auto name = [](const fs::path& folder) {
    const auto file = nlohmann::json::parse(lmf::read_file(folder / "tokenizer.json"));
    return pre_tokenizer_name(file["pre_tokenizer"].dump(), file["model"].value("ignore_merges", false));
  };
  const fs::path text = lmf::test::fixtures() / "text";
  CHECK(name(text / "llama3") == "llama-bpe");
  CHECK(name(text / "qwen2") == "qwen2");
  CHECK(name(text / "gpt2") == "gpt-2");
  CHECK(name(text / "smollm") == "smollm");
  CHECK(name(text / "tekken") == "");  // its file does not ignore merges, and llama.cpp's of that name does
  CHECK(name(lmf::test::share() / "models/demo") == "gpt-2");
  CHECK(name(text / "removed") == "");
  CHECK(pre_tokenizer_name("null", false) == "");
  CHECK(pre_tokenizer_name("not json", false) == "");
}

TEST_CASE("a vocabulary has as many tokens as the embedding has rows") {
  const auto demo = lmf::test::share() / "models/demo";
  const auto tokenizer = lmf::text::Tokenizer::load(demo);
  const auto vocabulary = GgufVocabulary::read(demo, tokenizer, 930);
  CHECK(vocabulary.byte_level);
  CHECK(vocabulary.tokens.size() == 930);
  CHECK(vocabulary.tokens[1] == "<|im_start|>");
  CHECK(vocabulary.kinds[1] == GgufVocabulary::control);
  CHECK(vocabulary.kinds[500] == GgufVocabulary::normal);
  CHECK(vocabulary.tokens[929] == "[PAD929]");
  CHECK(vocabulary.kinds[929] == GgufVocabulary::unused);
  CHECK(vocabulary.merges.size() > 500);
  CHECK_THROWS_WITH_AS(GgufVocabulary::read(lmf::test::fixtures() / "text/removed",
                                            lmf::text::Tokenizer::load(lmf::test::fixtures() / "text/removed"), 100),
                       doctest::Contains("cannot be written as GGUF"), lmf::Error);
}

TEST_CASE("a tokenizer that llama.cpp would not follow is refused") {
  const fs::path text = lmf::test::fixtures() / "text";
  const auto read = [](const fs::path& folder) {
    const auto tokenizer = lmf::text::Tokenizer::load(folder);
    return GgufVocabulary::read(folder, tokenizer, tokenizer.vocab_size());
  };
  for (const char* name : {"llama2", "sentencepiece", "llama3", "qwen2", "smollm", "gpt2"}) {
    CAPTURE(name);
    CHECK_NOTHROW(read(text / name));
  }
  CHECK_THROWS_WITH_AS(read(text / "flags"), doctest::Contains("normalizer"), lmf::Error);  // Lowercase
  const auto changed = [&](const char* name, const char* key, const nlohmann::json& value) {
    const TemporaryFolder folder;
    auto file = nlohmann::json::parse(lmf::read_file(text / name / "tokenizer.json"));
    file[key] = value;
    lmf::write_file_atomically(folder.path() / "tokenizer.json", file.dump());
    read(folder.path());
  };
  CHECK_NOTHROW(changed("llama2", "normalizer", nullptr));
  CHECK_THROWS_WITH_AS(changed("llama2", "pre_tokenizer", {{"type", "Digits"}, {"individual_digits", true}}),
                       doctest::Contains("way of cutting"), lmf::Error);
  CHECK_THROWS_WITH_AS(changed("gpt2", "normalizer", {{"type", "NFKC"}}), doctest::Contains("normalizer"), lmf::Error);

  const std::string model = lmf::read_file(text / "sentencepiece/tokenizer.model");
  CHECK_NOTHROW(require_bpe_pieces(model, true));
  CHECK_THROWS_WITH_AS(require_bpe_pieces("", true), doctest::Contains("not BPE's"), lmf::Error);
  CHECK_THROWS_WITH_AS(require_bpe_pieces(model + "\x12\x02\x18\x01", true), doctest::Contains("not BPE's"),
                       lmf::Error);  // protobuf's messages may go on: model_type: UNIGRAM
  CHECK_THROWS_WITH_AS(require_bpe_pieces(model + "\x1a\x02\x20\x01", true), doctest::Contains("blanks"), lmf::Error);
  CHECK_NOTHROW(require_bpe_pieces(model + "\x1a\x02\x20\x01", false));
  CHECK_THROWS_WITH_AS(require_bpe_pieces(model + "\x12\x09", true), doctest::Contains("damaged"), lmf::Error);
}

TEST_CASE("Llama 3.1's rotary frequencies are divided by what transformers divides them by") {
  lmf::model::DecoderSpec spec;
  spec.head_dim = 128;
  spec.rope.kind = lmf::model::Rope::Kind::llama3;
  spec.rope.theta = 500000.0;
  spec.rope.factor = 8.0;
  spec.rope.original_max_positions = 8192;
  const auto factors = rope_factors(spec);
  REQUIRE(factors.size() == 64);
  CHECK(factors[0] == 1.0f);
  CHECK(factors[28] == 1.0f);
  CHECK(factors[63] == 8.0f);
  // Of transformers' own function.
  CHECK(factors[29] == doctest::Approx(1.2074838876724243).epsilon(1e-5));
  CHECK(factors[32] == doctest::Approx(2.6945302486419678).epsilon(1e-5));
  CHECK(factors[35] == 8.0f);
  spec.rope.kind = lmf::model::Rope::Kind::standard;
  CHECK(rope_factors(spec).empty());
  spec.rope.kind = lmf::model::Rope::Kind::dynamic;
  CHECK_THROWS_WITH_AS(require_gguf_form(spec), doctest::Contains("dynamic"), lmf::Error);
}

TEST_CASE("a header ends where the data are aligned") {
  GgufHeader header;
  header.add("general.architecture", "llama");
  const std::uint64_t sides[] = {40, 2};
  header.add_tensor("a", sides, BlockType::f16, 150);
  header.add_tensor("b", sides, BlockType::f32, 321);
  const std::string bytes = header.bytes();
  CHECK(bytes.size() % 32 == 0);
  CHECK(bytes.starts_with(std::string("GGUF\3\0\0\0\2\0\0\0\0\0\0\0\1\0\0\0\0\0\0\0", 24)));
  const std::string second("b\2\0\0\0\x28\0\0\0\0\0\0\0\2\0\0\0\0\0\0\0\0\0\0\0\xa0\0\0\0\0\0\0\0", 33);  // at 160
  CHECK(bytes.find(second) != bytes.npos);
}
