#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "text/added_tokens.hpp"
#include "text/tokenizer.hpp"

namespace lmf::text {

/// tokenizer_config.json, special_tokens_map.json and chat_template.jinja of a model's folder: what they say, and the
/// documents themselves, so that saving keeps what lmf does not read.
class TokenizerConfig {
 public:
  /// Files that are not there count as empty. Throws Error naming the file and what is wrong in it.
  static TokenizerConfig load(const std::filesystem::path& directory);

  SpecialTokens special;
  std::vector<AddedToken> added_tokens;  ///< of added_tokens_decoder, by id
  std::optional<bool> add_bos, add_eos;  ///< said by the file: then they decide, not tokenizer.json's post-processor
  bool legacy = true;                    ///< tokenizer.model: a blank before every stretch between special tokens
  std::string chat_template;

  /// Takes over the special tokens that the files do not name.
  void fill_special(const SpecialTokens& defaults);
  /// Writes the three files; `tokens`: the tokenizer's added tokens as they are now.
  void save(const std::filesystem::path& directory, const AddedTokens& tokens) const;

 private:
  using Document = nlohmann::ordered_json;
  void read_special_tokens();
  void read_added_tokens(const std::string& origin);
  void read_chat_template(const std::filesystem::path& directory, const std::string& origin);
  void write_special_tokens(Document& document) const;

  Document document_ = Document::object();
  Document map_;  // special_tokens_map.json, null when the folder has none
  SpecialTokens as_read_;
};

}  // namespace lmf::text
