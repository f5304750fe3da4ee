#pragma once

#include <memory>
#include <string>
#include <vector>

#include "text/json_reader.hpp"
#include "text/pieces.hpp"
#include "text/regex.hpp"

namespace lmf::text {

/// One step that cuts text into the words that BPE sees.
class PreTokenizerStep {
 public:
  virtual ~PreTokenizerStep() = default;
  virtual void apply(Pieces& pieces, RegexWorkspace& work) const = 0;
};

/// tokenizer.json's "pre_tokenizer" as a flat list of steps.
struct PreTokenizer {
  std::vector<std::unique_ptr<PreTokenizerStep>> steps;
  /// The last step is ByteLevel: its mapping of bytes to characters is left to Bpe, which does it without copying.
  bool maps_bytes = false;

  void apply(Pieces& pieces, RegexWorkspace& work) const {
    for (const auto& step : steps) step->apply(pieces, work);
  }
};

/// Throws Error naming the place and what in it is unknown. `hand_written` false: regular expressions only (tests).
PreTokenizer read_pre_tokenizer(const Json* value, const std::string& place, bool hand_written = true);

}  // namespace lmf::text
