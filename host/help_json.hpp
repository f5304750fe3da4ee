#pragma once

#include <string>

#include "host/catalogue.hpp"
#include "host/external_commands.hpp"

namespace lmf::host {

/// Help for programs, with "format": 1; share/doc/help.md describes every member. A member may be added within a
/// format; any other change is a new number.
std::string overall_help_json(const Catalogue& catalogue, const std::vector<ExternalCommand>& externals);
std::string command_help_json(const Claim& claim);
std::string option_help_json(const OptionEntry& option, const Claim& claim);

}  // namespace lmf::host
