#pragma once

#include <string_view>

#include "host/catalogue.hpp"
#include "host/environment.hpp"

namespace lmf::host {

/// The claim that `word` leads to, which may be unusable; a worker's is its launcher's. Throws Error where there is
/// none: a plugin that cannot be read, a package that is not installed, or no such command, with what may have been
/// meant.
const Claim& find_command(const Catalogue& catalogue, const Environment& environment, std::string_view word);

}  // namespace lmf::host
