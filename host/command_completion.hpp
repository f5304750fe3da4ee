#pragma once

#include <string_view>
#include <vector>

#include "host/catalogue.hpp"
#include "host/completion_answer.hpp"

namespace lmf::host {

/// What may follow a plugin's command: options, values, keys of the configuration, files. `words` come after the
/// command; the last one is being written.
void complete_command(CompletionAnswer& answer, const Claim& claim, const std::vector<std::string_view>& words,
                      const Environment& environment);

/// Names of all options of a command, as `lmf help COMMAND OPTION` takes them.
void add_option_names(CompletionAnswer& answer, const Claim& claim);

}  // namespace lmf::host
