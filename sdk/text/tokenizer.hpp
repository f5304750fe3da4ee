#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace lmf::text {

/// How a model's folder names its special tokens (tokenizer_config.json, special_tokens_map.json; old and new layouts).
struct SpecialTokens {
  std::optional<std::string> bos, eos, pad, unk;
  std::vector<std::string> additional;
};

class TokenizerModel;   // what tokenizer.json or tokenizer.model describes
class TokenizerConfig;  // what tokenizer_config.json and its kin say

/// Text to token ids and back, exactly as the `tokenizers` package (tokenizer.json) or sentencepiece (tokenizer.model)
/// does it. Immutable after loading but for add_special_token(); encode and decode are safe from many threads.
class Tokenizer {
 public:
  /// Reads tokenizer.json (preferred) or tokenizer.model, tokenizer_config.json and special_tokens_map.json of a
  /// model's folder. Throws Error naming the file and what in it is wrong or unsupported.
  static Tokenizer load(const std::filesystem::path& model_directory);
  Tokenizer(Tokenizer&&) noexcept;
  Tokenizer& operator=(Tokenizer&&) noexcept;
  ~Tokenizer();

  /// `add_special_tokens`: run the post-processor (bos, eos). Special tokens written in `text` are recognised unless
  /// `split_special_tokens`. Invalid UTF-8 is replaced by U+FFFD first, as Python callers would have to.
  std::vector<std::int32_t> encode(std::string_view text, bool add_special_tokens = false,
                                   bool split_special_tokens = false) const;
  std::string decode(std::span<const std::int32_t> ids, bool skip_special_tokens = false) const;

  std::int64_t vocab_size() const;  ///< ids are below this, added tokens included
  std::optional<std::int32_t> token_id(std::string_view token) const;
  std::string token(std::int32_t id) const;  ///< its literal form; "" when the id names none
  bool is_special(std::int32_t id) const;
  /// What it adds to a text that has begun, perhaps only part of a character; "" when the id names none.
  std::string token_bytes(std::int32_t id) const;

  const SpecialTokens& special() const;
  std::optional<std::int32_t> bos_id() const, eos_id() const, pad_id() const;
  bool adds_bos() const;              ///< encode(..., true) starts with bos
  std::string chat_template() const;  ///< Jinja text of chat_template.jinja or tokenizer_config.json, or ""
  void set_chat_template(std::string jinja);

  /// The template's repairs (research: tokenizer repair): make `token` eos or pad; adds it to the vocabulary when
  /// unknown and then returns true ("the embeddings may have to grow").
  bool set_eos(const std::string& token);
  bool set_pad(const std::string& token);
  bool add_special_token(const std::string& token);

  /// Writes tokenizer.json / tokenizer.model, tokenizer_config.json, chat_template.jinja so that transformers loads the
  /// same tokenizer, with the repairs above. Files are replaced atomically.
  void save(const std::filesystem::path& directory) const;
  /// A hash of everything that decides encode()'s result: part of the token store's key.
  std::string fingerprint() const;

 private:
  friend class StreamDecoder;
  Tokenizer(std::unique_ptr<TokenizerModel> model, std::unique_ptr<TokenizerConfig> config);
  bool add(const std::string& token);
  void choose_post_processor();

  std::unique_ptr<TokenizerModel> model_;
  std::unique_ptr<TokenizerConfig> config_;
  std::vector<std::int32_t> prefix_, suffix_;  // what encode(..., true) puts around the text
};

/// Turns ids that arrive one by one into text without ever cutting a character: the pieces' concatenation equals
/// decode() of all ids.
class StreamDecoder {
 public:
  explicit StreamDecoder(const Tokenizer& tokenizer, bool skip_special_tokens = true);
  std::string push(std::int32_t id);  ///< text that became certain, possibly ""
  std::string finish();               ///< what was held back

 private:
  std::string push_bytes(std::int32_t id);
  std::string push_window(std::int32_t id);
  std::string flush();

  const Tokenizer& tokenizer_;
  bool skip_special_tokens_;
  std::string bytes_;              // begun characters, where every token is just bytes
  std::vector<std::int32_t> ids_;  // else: the last tokens, of which the first `emitted_` are out
  std::size_t emitted_ = 0;
};

}  // namespace lmf::text
