#pragma once

#include <span>
#include <string>

#include "host/catalogue.hpp"
#include "host/environment.hpp"

namespace lmf::host {

/// Loads the plugin that owns the command and runs it in this process; the command's exit status. Throws Error (exit
/// 126) when the claim is unusable, the plugin cannot be loaded, or a pin names another library.
int run_command(const Claim& claim, const Catalogue& catalogue, const Environment& environment,
                std::span<const char* const> arguments);

}  // namespace lmf::host
