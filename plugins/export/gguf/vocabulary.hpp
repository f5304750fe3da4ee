#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "gguf/header.hpp"
#include "text/tokenizer.hpp"

namespace lmf::exporter {

/// A tokenizer as llama.cpp reads it.
struct GgufVocabulary {
  /// llama.cpp's numbers of a token's kind.
  enum Kind : std::int32_t { normal = 1, unknown = 2, control = 3, user_defined = 4, unused = 5, byte = 6 };

  bool byte_level = true;     ///< else sentencepiece's pieces
  std::string pre_tokenizer;  ///< of a byte-level one: llama.cpp's name for how text is cut into words
  std::vector<std::string> tokens;
  std::vector<std::int32_t> kinds;
  std::vector<float> scores;        ///< of pieces: the higher joins first
  std::vector<std::string> merges;  ///< of a byte-level one: "left right", in order

  /// `folder` holds the tokenizer's files as they were written. There will be `vocab_size` tokens, as the embedding has
  /// rows. Throws Error when llama.cpp would cut text otherwise: a way of cutting that lmf does not know llama.cpp's
  /// name of, pieces that are not joined in BPE's way or lack some of the 256 bytes, a text that is changed before.
  static GgufVocabulary read(const std::filesystem::path& folder, const text::Tokenizer& tokenizer,
                             std::int64_t vocab_size);
};

/// llama.cpp's name for a tokenizer.json's pre_tokenizer; "" when lmf knows none. `ignore_merges`: words that are
/// tokens are not taken apart.
std::string pre_tokenizer_name(const std::string& pre_tokenizer_json, bool ignore_merges);

/// Whether llama.cpp does what a tokenizer.json's normalizer does: nothing (or NFC, which texts are in) before bytes;
/// "▁" for a blank, and one before the text, before pieces.
bool is_known_normalizer(const std::string& normalizer_json, bool byte_level);
/// Whether a tokenizer.json's pre_tokenizer leaves it to pieces how text is cut.
bool leaves_pieces_whole(const std::string& pre_tokenizer_json);

/// Throws Error when a tokenizer.model's bytes are not of BPE's kind, or (`whole`: there is no tokenizer.json beside
/// it) change texts before they are cut.
void require_bpe_pieces(const std::string& model, bool whole);

/// `stop_ids`: what ends an answer in the template.
void add_vocabulary(GgufHeader& header, const GgufVocabulary& vocabulary, const text::Tokenizer& tokenizer,
                    const std::vector<std::int32_t>& stop_ids);

}  // namespace lmf::exporter
