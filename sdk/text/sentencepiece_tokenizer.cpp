#include <algorithm>

#include <fmt/format.h>
#include <sentencepiece_processor.h>

#include "base/files.hpp"
#include "lmf/error.hpp"
#include "text/tokenizer_json.hpp"
#include "text/tokenizer_model.hpp"
#include "text/unicode.hpp"

namespace lmf::text {
namespace {

// What follows in a protocol buffer overrides: normalizer_spec (field 3) { add_dummy_prefix (field 3): false }.
constexpr std::string_view kNoDummyPrefix{"\x1A\x02\x18\x00", 4};

/// A tokenizer.model, with added tokens around it as transformers' Llama tokenizers have them. Decoding is that of
/// tokenizer.json files made from such models: pieces joined, blanks as spaces, without the one put before the text.
class SentencePieceTokenizer : public TokenizerModel {
 public:
  SentencePieceTokenizer(std::string proto, const std::string& origin, bool legacy)
      : source_(std::move(proto)), legacy_(legacy) {
    load(pieces_, source_, origin);
    load(bare_pieces_, source_ + std::string(kNoDummyPrefix), origin);
    if (pieces_.GetPieceSize() > Vocabulary::kMaximumId)
      throw Error(fmt::format("{}: {} pieces are more than lmf reads", origin, pieces_.GetPieceSize()));
    std::vector<AddedToken> tokens;
    for (int id = 0; id < pieces_.GetPieceSize(); ++id)
      if (pieces_.IsControl(id) || pieces_.IsUnknown(id))
        tokens.push_back({.content = pieces_.IdToPiece(id), .special = true});
    add(tokens);
    const bool dummy_prefix =
        !encoded(pieces_, "a").empty() && pieces_.IdToPiece(encoded(pieces_, "a")[0]).starts_with(unicode::kBlank);
    const Json steps = {{{"type", "Replace"}, {"pattern", {{"String", unicode::kBlank}}}, {"content", " "}},
                        {{"type", "ByteFallback"}},
                        {{"type", "Fuse"}},
                        {{"type", "Strip"}, {"content", " "}, {"start", dummy_prefix ? 1 : 0}, {"stop", 0}}};
    const Json decoder = {{"type", "Sequence"}, {"decoders", steps}};
    decoder_ = read_token_decoder(&decoder, origin);
  }

  void encode(std::string_view text, bool split_special_tokens, std::vector<std::int32_t>& ids) const override {
    std::vector<AddedTokens::Part> parts;
    added_.split(text, AddedTokens::Which::raw, split_special_tokens, parts);
    for (const AddedTokens::Part& part : parts) {
      if (part.id >= 0) {
        ids.push_back(part.id);
        continue;
      }
      const auto& processor = legacy_ || part.begin == 0 ? pieces_ : bare_pieces_;
      const auto pieces = encoded(processor, text.substr(part.begin, part.end - part.begin));
      ids.insert(ids.end(), pieces.begin(), pieces.end());
    }
  }

  std::string decode(std::span<const std::int32_t> ids, bool skip_special_tokens) const override {
    std::vector<std::string> tokens;
    for (const std::int32_t id : ids) {
      const auto added = added_.by_id().find(id);
      const bool skipped = skip_special_tokens && added != added_.by_id().end() && added->second.special;
      if (std::string text = skipped ? std::string() : token(id); !text.empty()) tokens.push_back(std::move(text));
    }
    RegexWorkspace unused;
    return decoder_.decode(std::move(tokens), unused);
  }

  Streaming streaming() const override { return decoder_.streaming; }
  void append_bytes(std::int32_t id, std::string& bytes) const override { bytes += token(id); }
  bool is_byte_token(std::int32_t id) const override { return is_piece(id) && pieces_.IsByte(id); }

  std::int64_t vocab_size() const override {
    const std::int32_t last = added_.by_id().empty() ? -1 : added_.by_id().rbegin()->first;
    return std::max(pieces_.GetPieceSize(), last + 1);
  }
  std::int32_t find(std::string_view token) const override {
    if (const std::int32_t added = added_.find(token); added >= 0) return added;
    const int id = pieces_.PieceToId({token.data(), token.size()});
    return is_piece(id) && pieces_.IdToPiece(id) == token ? id : -1;
  }
  std::string token(std::int32_t id) const override {
    if (const auto added = added_.by_id().find(id); added != added_.by_id().end()) return added->second.content;
    return is_piece(id) ? pieces_.IdToPiece(id) : std::string();
  }
  const AddedTokens& added_tokens() const override { return added_; }
  std::optional<PostProcessor> post_processor() const override { return std::nullopt; }
  bool adds_bos_by_default() const override { return true; }

  SpecialTokens default_special_tokens() const override {
    const auto piece = [&](int id) { return is_piece(id) ? std::optional(pieces_.IdToPiece(id)) : std::nullopt; };
    return {.bos = piece(pieces_.bos_id()),
            .eos = piece(pieces_.eos_id()),
            .pad = {},
            .unk = piece(pieces_.unk_id()),
            .additional = {}};
  }

  void add(std::span<const AddedToken> tokens) override {
    auto next = static_cast<std::int32_t>(vocab_size());
    for (const AddedToken& token : tokens) {
      if (token.content.empty()) continue;
      const std::int32_t known = find(token.content);
      added_.put(token, known >= 0 ? known : next++);
    }
    added_.build([](const std::string& content) { return content; });
  }
  void save(const std::filesystem::path& directory) const override {
    write_file_atomically(directory / "tokenizer.model", source_);
  }
  std::string_view source() const override { return source_; }

 private:
  using Processor = sentencepiece::SentencePieceProcessor;
  static void load(Processor& processor, std::string_view proto, const std::string& origin) {
    const auto status = processor.LoadFromSerializedProto({proto.data(), proto.size()});
    if (!status.ok()) throw Error(fmt::format("{}: not a sentencepiece model: {}", origin, status.message()));
  }
  static std::vector<int> encoded(const Processor& processor, std::string_view text) {
    std::vector<int> pieces;
    const auto status = processor.Encode({text.data(), text.size()}, &pieces);
    if (!status.ok()) throw Error(fmt::format("sentencepiece cannot encode: {}", status.message()));
    return pieces;
  }
  bool is_piece(std::int32_t id) const { return id >= 0 && id < pieces_.GetPieceSize(); }

  std::string source_;
  Processor pieces_;
  Processor bare_pieces_;  // puts no blank before the text
  TokenDecoder decoder_;
  AddedTokens added_;
  bool legacy_;
};

}  // namespace

std::unique_ptr<TokenizerModel> load_tokenizer_model(const std::filesystem::path& file, bool legacy) {
  return std::make_unique<SentencePieceTokenizer>(read_file(file, kLargestTokenizerFile), file.string(), legacy);
}

}  // namespace lmf::text
