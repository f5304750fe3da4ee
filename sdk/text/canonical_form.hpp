#pragma once

#include <string>

namespace lmf::text {

enum class CanonicalForm { nfc, nfd, nfkc, nfkd };

/// Rewrites `text` (valid UTF-8) in one of Unicode's normalisation forms, as the tokenizers package does: by the tables
/// of Unicode 9, in which later characters neither decompose nor change places.
void to_canonical_form(std::string& text, CanonicalForm form);

}  // namespace lmf::text
