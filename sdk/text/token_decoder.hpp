#pragma once

#include <memory>
#include <string>
#include <vector>

#include "text/json_reader.hpp"
#include "text/regex.hpp"

namespace lmf::text {

/// How text grows while ids arrive.
enum class Streaming {
  bytes,    ///< every token adds its own bytes
  windows,  ///< a token's text depends on the tokens just before it; byte tokens wait for the end of their run
  whole,    ///< nothing is certain before the end
};

class DecoderStep {
 public:
  virtual ~DecoderStep() = default;
  /// Whether text that is already decoded stays as it is when tokens follow, given this step runs on fused text
  /// (`fused`) or on single tokens.
  virtual bool keeps_earlier_text(bool fused) const { return !fused; }
  virtual bool fuses() const { return false; }
  virtual void apply(std::vector<std::string>& tokens, RegexWorkspace& work) const = 0;
};

/// tokenizer.json's "decoder": from tokens to text.
struct TokenDecoder {
  std::vector<std::unique_ptr<DecoderStep>> steps;
  bool present = false;          ///< without a decoder, tokens are joined by spaces
  bool only_byte_level = false;  ///< nothing but ByteLevel: the bytes of every token, one after the other
  Streaming streaming = Streaming::windows;

  /// Joins what the steps leave.
  std::string decode(std::vector<std::string> tokens, RegexWorkspace& work) const;
};

/// Throws Error naming the place and what in it is unknown.
TokenDecoder read_token_decoder(const Json* value, const std::string& place);

}  // namespace lmf::text
