#include "gguf/vocabulary.hpp"

#include <algorithm>
#include <map>
#include <optional>
#include <string_view>
#include <unordered_map>

#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <sentencepiece_processor.h>
#include <simdjson.h>

#include "base/files.hpp"
#include "lmf/error.hpp"

namespace lmf::exporter {
namespace {

namespace fs = std::filesystem;
using Element = simdjson::dom::element;

constexpr std::uint64_t kLargestFile = std::uint64_t{256} << 20;

[[noreturn]] void refuse_tokenizer(const char* why) {
  throw Error(fmt::format("the tokenizer cannot be written as GGUF: {}", why),
              "leave export_gguf out, and use llama.cpp's convert_hf_to_gguf.py on export_dir");
}

/// What GGUF needs of a tokenizer.json, beside what text::Tokenizer says. The file was judged when it was loaded.
struct TokenizerFile {
  bool byte_level = false, byte_fallback = false, ignore_merges = false;
  std::string pre_tokenizer = "null", normalizer = "null";
  std::map<std::int64_t, bool> added;  // id, whether special
  std::vector<std::pair<std::string, std::string>> merges;
};

bool flag(Element object, const char* key) {
  bool value = false;
  return !object[key].get(value) && value;
}

/// Whether a decoder is, or begins with, ByteLevel.
bool decodes_bytes(Element decoder) {
  std::string_view type;
  if (decoder["type"].get(type)) return false;
  if (type == "ByteLevel") return true;
  simdjson::dom::array parts;
  if (decoder["decoders"].get(parts)) return false;
  return std::any_of(parts.begin(), parts.end(), decodes_bytes);
}

std::pair<std::string, std::string> merge_of(Element merge) {
  std::string_view line, left, right;
  simdjson::dom::array pair;
  if (!merge.get(line)) {
    const auto blank = line.find(' ');
    if (blank == line.npos) return {};
    return {std::string(line.substr(0, blank)), std::string(line.substr(blank + 1))};
  }
  if (merge.get(pair) || pair.size() != 2 || pair.at(0).get(left) || pair.at(1).get(right)) return {};
  return {std::string(left), std::string(right)};
}

TokenizerFile read_tokenizer_file(const fs::path& path) {
  const std::string json = read_file(path, kLargestFile);
  simdjson::dom::parser parser;
  Element root, part;
  TokenizerFile file;
  if (parser.parse(json).get(root)) throw Error(fmt::format("{} is not JSON", path.string()), {}, kExitInternal);
  if (!root["decoder"].get(part)) file.byte_level = decodes_bytes(part);
  if (!root["pre_tokenizer"].get(part)) file.pre_tokenizer = simdjson::minify(part);
  if (!root["normalizer"].get(part)) file.normalizer = simdjson::minify(part);
  if (!root["model"].get(part)) {
    file.byte_fallback = flag(part, "byte_fallback");
    file.ignore_merges = flag(part, "ignore_merges");
    simdjson::dom::array merges;
    if (!part["merges"].get(merges))
      for (const Element merge : merges)
        if (auto pair = merge_of(merge); !pair.second.empty()) file.merges.push_back(std::move(pair));
  }
  simdjson::dom::array added;
  if (!root["added_tokens"].get(added))
    for (const Element token : added) {
      std::int64_t id = 0;
      if (!token["id"].get(id)) file.added[id] = flag(token, "special");
    }
  return file;
}

bool is_byte_piece(std::string_view token) {
  return token.size() == 6 && token.starts_with("<0x") && token.ends_with('>');
}

/// The tokens by id, with dummies where the embedding has more rows, and kinds for what was added.
void read_tokens(GgufVocabulary& vocabulary, const text::Tokenizer& tokenizer, std::int64_t vocab_size,
                 const std::map<std::int64_t, bool>& added) {
  for (std::int64_t id = 0; id < vocab_size; ++id) {
    std::string token = tokenizer.token(static_cast<std::int32_t>(id));
    auto kind = GgufVocabulary::normal;
    if (token.empty()) {
      token = fmt::format("[PAD{}]", id);
      kind = GgufVocabulary::unused;
    } else if (const auto found = added.find(id); found != added.end()) {
      kind = found->second ? GgufVocabulary::control : GgufVocabulary::user_defined;
    }
    vocabulary.tokens.push_back(std::move(token));
    vocabulary.kinds.push_back(kind);
  }
}

/// llama.cpp joins the pair whose result has the highest score: earlier merges get higher ones.
void score_by_merges(GgufVocabulary& vocabulary, const TokenizerFile& file) {
  std::unordered_map<std::string_view, std::size_t> ids;
  for (std::size_t i = 0; i < vocabulary.tokens.size(); ++i) ids.emplace(vocabulary.tokens[i], i);
  const auto lowest = -static_cast<float>(file.merges.size());
  vocabulary.scores.assign(vocabulary.tokens.size(), lowest);
  for (std::size_t rank = file.merges.size(); rank-- > 0;) {
    const std::string joined = file.merges[rank].first + file.merges[rank].second;
    if (const auto found = ids.find(joined); found != ids.end())
      vocabulary.scores[found->second] = -static_cast<float>(rank);
  }
}

/// Scores and kinds of a tokenizer.model's own pieces.
void read_pieces(GgufVocabulary& vocabulary, const fs::path& path, bool whole) {
  const std::string model = read_file(path, kLargestFile);
  sentencepiece::SentencePieceProcessor pieces;
  if (const auto status = pieces.LoadFromSerializedProto(model); !status.ok())
    throw Error(fmt::format("{}: not a sentencepiece model: {}", path.string(), status.message()));
  require_bpe_pieces(model, whole);
  vocabulary.scores.assign(vocabulary.tokens.size(), 0.0f);
  const auto count = std::min(vocabulary.tokens.size(), static_cast<std::size_t>(pieces.GetPieceSize()));
  for (std::size_t i = 0; i < count; ++i) {
    const int id = static_cast<int>(i);
    vocabulary.scores[i] = pieces.GetScore(id);
    if (pieces.IsControl(id)) vocabulary.kinds[i] = GgufVocabulary::control;
    if (pieces.IsUnused(id)) vocabulary.kinds[i] = GgufVocabulary::unused;
  }
}

void mark_pieces(GgufVocabulary& vocabulary, const text::Tokenizer& tokenizer) {
  for (std::size_t i = 0; i < vocabulary.tokens.size(); ++i)
    if (is_byte_piece(vocabulary.tokens[i])) vocabulary.kinds[i] = GgufVocabulary::byte;
  if (const auto& unknown = tokenizer.special().unk)
    if (const auto id = tokenizer.token_id(*unknown); id && std::size_t(*id) < vocabulary.kinds.size())
      vocabulary.kinds[static_cast<std::size_t>(*id)] = GgufVocabulary::unknown;
}

}  // namespace

GgufVocabulary GgufVocabulary::read(const fs::path& folder, const text::Tokenizer& tokenizer, std::int64_t vocab_size) {
  GgufVocabulary result;
  const fs::path json = folder / "tokenizer.json", model = folder / "tokenizer.model";
  TokenizerFile file;
  if (fs::exists(json)) file = read_tokenizer_file(json);
  const bool pieces = fs::exists(model) && !file.byte_level;
  result.byte_level = file.byte_level;
  if (!file.byte_level && !file.byte_fallback && !pieces)
    refuse_tokenizer("it is neither byte-level BPE nor sentencepiece's with bytes");
  if (!is_known_normalizer(file.normalizer, file.byte_level))
    refuse_tokenizer("its normalizer changes texts in a way that llama.cpp does not");
  if (!fs::exists(json))  // what was added around a tokenizer.model is special
    for (std::int64_t id = 0; id < tokenizer.vocab_size(); ++id)
      if (tokenizer.is_special(static_cast<std::int32_t>(id))) file.added[id] = true;
  read_tokens(result, tokenizer, vocab_size, file.added);
  if (result.byte_level) {
    result.pre_tokenizer = pre_tokenizer_name(file.pre_tokenizer, file.ignore_merges);
    if (result.pre_tokenizer.empty())
      refuse_tokenizer(
          "lmf does not know how llama.cpp calls its way of cutting text, and under a wrong name it would cut it "
          "otherwise");
    for (const auto& [left, right] : file.merges) result.merges.push_back(left + " " + right);
    return result;
  }
  if (!leaves_pieces_whole(file.pre_tokenizer))
    refuse_tokenizer("lmf does not know how to tell llama.cpp its way of cutting text, and it would cut it otherwise");
  if (pieces)
    read_pieces(result, model, /*whole=*/!fs::exists(json));
  else
    score_by_merges(result, file);
  mark_pieces(result, tokenizer);
  if (std::count(result.kinds.begin(), result.kinds.end(), GgufVocabulary::byte) != 256)
    refuse_tokenizer(
        "it has not a piece for each of the 256 bytes, by which llama.cpp writes characters without a piece");
  return result;
}

void add_vocabulary(GgufHeader& header, const GgufVocabulary& vocabulary, const text::Tokenizer& tokenizer,
                    const std::vector<std::int32_t>& stop_ids) {
  header.add("tokenizer.ggml.model", vocabulary.byte_level ? "gpt2" : "llama");
  header.add("tokenizer.ggml.pre", vocabulary.byte_level ? vocabulary.pre_tokenizer : std::string("default"));
  header.add("tokenizer.ggml.tokens", std::span<const std::string>(vocabulary.tokens));
  if (!vocabulary.byte_level) header.add("tokenizer.ggml.scores", std::span<const float>(vocabulary.scores));
  header.add("tokenizer.ggml.token_type", std::span<const std::int32_t>(vocabulary.kinds));
  if (vocabulary.byte_level) header.add("tokenizer.ggml.merges", std::span<const std::string>(vocabulary.merges));
  const auto id = [&](const char* key, std::optional<std::int32_t> value) {
    if (value) header.add(key, static_cast<std::uint32_t>(*value));
  };
  const auto eos = tokenizer.eos_id();
  const auto& unknown = tokenizer.special().unk;
  id("tokenizer.ggml.bos_token_id", tokenizer.bos_id());
  id("tokenizer.ggml.eos_token_id", eos);
  id("tokenizer.ggml.padding_token_id", tokenizer.pad_id());
  id("tokenizer.ggml.unknown_token_id", unknown ? tokenizer.token_id(*unknown) : std::nullopt);
  const auto other = std::find_if(stop_ids.begin(), stop_ids.end(), [&](std::int32_t stop) { return stop != eos; });
  id("tokenizer.ggml.eot_token_id", other == stop_ids.end() ? std::nullopt : std::optional(*other));
  const auto around = tokenizer.encode("", /*add_special_tokens=*/true);  // what is put around every text
  header.add("tokenizer.ggml.add_bos_token", tokenizer.adds_bos());
  header.add("tokenizer.ggml.add_eos_token", eos && !around.empty() && around.back() == *eos);
  if (!vocabulary.byte_level) {
    const auto letter = tokenizer.encode("a");
    header.add("tokenizer.ggml.add_space_prefix",
               !letter.empty() && tokenizer.token(letter.front()).starts_with("\xE2\x96\x81"));
  }
  if (!tokenizer.chat_template().empty()) header.add("tokenizer.chat_template", tokenizer.chat_template());
}

}  // namespace lmf::exporter
