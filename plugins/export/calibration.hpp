#pragma once

#include <cstdint>
#include <vector>

#include "request.hpp"
#include "text/tokenizer.hpp"

namespace lmf::exporter {

/// Parts of texts, as tokens: what a quantised export is calibrated on, and what it is judged by.
struct CalibrationTexts {
  using Sequences = std::vector<std::vector<std::int32_t>>;
  Sequences calibration;  ///< `samples` of them, each `longest` tokens
  Sequences held_out;     ///< of other texts; where there is one text, of its end
};

/// Draws them from a .txt (one text), or from a .json or .jsonl of texts or of records with "text". As the original:
/// texts of fewer than `longest` tokens are passed over, of the others a random part is taken, without bos. Unlike it,
/// a text is taken twice only when all were taken. The same for the same seed. Throws Error(kExitUsage) when there is
/// no text long enough.
CalibrationTexts draw_calibration_texts(const Quantization& wanted, const text::Tokenizer& tokenizer);

}  // namespace lmf::exporter
