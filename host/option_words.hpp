#pragma once

#include <string>

#include "host/option_entry.hpp"

namespace lmf::host {

/// How an option is written: "-l, --loud", "--tee STREAMS", "lora_rank=INTEGER", "stage=sft", "NNODES=N".
std::string option_word(const OptionEntry& option);
/// Without its value: "--tee", "lora_rank".
std::string option_name(const OptionEntry& option);
/// What help says beside it: meaning, choices and default.
std::string option_explanation(const OptionEntry& option);
/// "integer, 1 to 4096", "text: sft, pt or dpo", "switch".
std::string type_words(const OptionEntry& option);
/// The heading that it stands under.
std::string option_heading(const OptionEntry& option);

}  // namespace lmf::host
