#pragma once

#include <span>

#include "host/catalogue.hpp"
#include "host/environment.hpp"

namespace lmf::host {

/// `lmf help [COMMAND [OPTION]] [--json | --man]`. Returns the exit status; throws Error (exit 2) for other words.
int run_help(const Catalogue& catalogue, const Environment& environment, std::span<const char* const> words);

}  // namespace lmf::host
