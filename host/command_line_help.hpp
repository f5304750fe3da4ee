#pragma once

#include <string>
#include <vector>

#include "host/catalogue.hpp"
#include "host/external_commands.hpp"
#include "host/known_commands.hpp"
#include "host/text_layout.hpp"

namespace lmf::host {

/// All from manifests and option tables; nothing is loaded. `program` is the name that the user called.
std::string overall_help(const Catalogue& catalogue, const std::vector<ExternalCommand>& externals,
                         const std::string& program, const Style& style);
std::string command_help(const Claim& claim, const std::string& program, const Style& style);
std::string host_command_help(const HostCommand& command, const std::string& program, const Style& style);
std::string plugin_help(const std::string& program, const Style& style);
/// All that is known of one option of a command.
std::string option_help(const OptionEntry& option, const Claim& claim, const std::string& program, const Style& style);

/// "Usage: ..." as the manifest has it, or made up, without the word before it.
std::string usage_of(const CommandEntry& command, const std::string& program);

/// What the host itself understands before a command.
const Rows& host_options();

/// For standard error: "2 plugins cannot be used: ...", and which commands are nobody's.
std::vector<std::string> problem_notices(const Catalogue& catalogue, const std::string& program);

}  // namespace lmf::host
