#pragma once

#include <string_view>

#include "host/catalogue.hpp"
#include "host/environment.hpp"

namespace lmf::host {

/// The claim that `word` leads to, which may be unusable; a worker's is its launcher's. Throws Error where there is
/// none: a package that is not installed, or no such command, with what may have been
/// meant.
const Claim& find_command(const Catalogue& catalogue, const Environment& environment, std::string_view word);

/// The same claim, of which help can tell something. Throws its reason as Error where the word is nobody's, or where
/// only the name of a file that cannot be read is known.
const Claim& with_owner(const Claim& claim);

}  // namespace lmf::host
