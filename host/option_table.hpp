#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "host/plugin.hpp"

namespace lmf::host {

/// Where the table that the command names is.
std::filesystem::path option_table_path(const Plugin& plugin, const CommandEntry& command);

/// The options of the table that the command names; none when it names none. Throws Error (exit 126), whole sentences
/// with the next step, when the table cannot be read or is wrong.
std::vector<OptionEntry> read_option_table(const Plugin& plugin, const CommandEntry& command);

/// What read_option_table() would say of one that is no file, without reading it.
std::optional<std::string> why_no_option_table(const Plugin& plugin, const CommandEntry& command);

}  // namespace lmf::host
