#pragma once

#include <string>

#include "host/catalogue.hpp"
#include "host/external_commands.hpp"
#include "host/known_commands.hpp"

namespace lmf::host {

/// All from manifests and option tables; nothing is loaded. `program` is the name that the user called.
std::string overall_help(const Catalogue& catalogue, const std::vector<ExternalCommand>& externals,
                         const std::string& program);
std::string command_help(const Claim& claim, const std::string& program);
std::string host_command_help(const HostCommand& command, const std::string& program);

/// "2 plugins cannot be used: ..." for standard error, or "" when all is well.
std::string problem_notice(const Catalogue& catalogue, const std::string& program);

}  // namespace lmf::host
