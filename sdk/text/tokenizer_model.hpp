#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "text/added_tokens.hpp"
#include "text/post_processor.hpp"
#include "text/token_decoder.hpp"
#include "text/tokenizer.hpp"

namespace lmf::text {

/// What tokenizer.json or tokenizer.model describes. encode() and decode() are safe from many threads at once.
class TokenizerModel {
 public:
  virtual ~TokenizerModel() = default;

  /// Appends the ids of `text` (valid UTF-8), without the post-processor's.
  virtual void encode(std::string_view text, bool split_special_tokens, std::vector<std::int32_t>& ids) const = 0;
  virtual std::string decode(std::span<const std::int32_t> ids, bool skip_special_tokens) const = 0;

  virtual Streaming streaming() const = 0;
  virtual void append_bytes(std::int32_t id, std::string& bytes) const = 0;  ///< for Streaming::bytes
  virtual bool is_byte_token(std::int32_t id) const = 0;

  virtual std::int64_t vocab_size() const = 0;
  virtual std::int32_t find(std::string_view token) const = 0;  ///< -1: unknown
  virtual std::string token(std::int32_t id) const = 0;
  virtual const AddedTokens& added_tokens() const = 0;
  virtual std::optional<PostProcessor> post_processor() const = 0;
  virtual bool adds_bos_by_default() const { return false; }  ///< where neither file nor configuration says
  virtual SpecialTokens default_special_tokens() const { return {}; }

  /// Makes added tokens of these: with the vocabulary's id where it has one, else with the next free ids.
  virtual void add(std::span<const AddedToken> tokens) = 0;
  /// Writes tokenizer.json or tokenizer.model.
  virtual void save(const std::filesystem::path& directory) const = 0;
  /// The file as it was read.
  virtual std::string_view source() const = 0;
};

std::unique_ptr<TokenizerModel> load_tokenizer_json(const std::filesystem::path& file);
/// The same from text in memory; `origin` is its name in messages.
std::unique_ptr<TokenizerModel> parse_tokenizer_json(std::string json, const std::string& origin);
/// `legacy`: a blank is put before every stretch of text between special tokens, not only before the first.
std::unique_ptr<TokenizerModel> load_tokenizer_model(const std::filesystem::path& file, bool legacy);

}  // namespace lmf::text
