#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "host/catalogue.hpp"

namespace lmf::host {

/// The manifest's own options of a command, --help, and the manifest's variables.
std::vector<OptionEntry> manifest_options(const CommandEntry& command);

/// Every option of a command in the order of help: those, and then its option table's. Throws as read_option_table()
/// does.
std::vector<OptionEntry> options_of(const Claim& claim);

/// The option that `word` names: "lora_rank", "lora-rank", "--lora_rank", an older name, "-h"; null for none.
const OptionEntry* find_option(const std::vector<OptionEntry>& options, std::string_view word);

/// " Did you mean '--loud'?" for a word that find_option() does not know; "" when nothing is near.
std::string nearest_option(const std::vector<OptionEntry>& options, std::string_view word);

}  // namespace lmf::host
