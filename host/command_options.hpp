#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "host/catalogue.hpp"

namespace lmf::host {

/// Every option of a command in the order of help: the manifest's own, --help, the manifest's variables, and those of
/// its option table. Throws Error naming file:line:column when the table is wrong or unreadable.
std::vector<OptionEntry> options_of(const Claim& claim);

/// The option that `word` names: "lora_rank", "lora-rank", "--lora_rank", an older name, "-h"; null for none.
const OptionEntry* find_option(const std::vector<OptionEntry>& options, std::string_view word);

/// " Did you mean '--loud'?" for a word that find_option() does not know; "" when nothing is near.
std::string nearest_option(const std::vector<OptionEntry>& options, std::string_view word);

}  // namespace lmf::host
