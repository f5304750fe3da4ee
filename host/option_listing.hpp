#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "host/manifest.hpp"

namespace lmf::host {

/// What help shows of a command's option table (NAME.options.toml, whose format is described in
/// sdk/config/options.hpp).
struct OptionListing {
  std::vector<OptionEntry> supported;  ///< in the order of the file
  std::size_t refused = 0;             ///< known to LLaMA-Factory, would change the result, not done yet
  std::size_t noted = 0;               ///< known to LLaMA-Factory, without effect here
  bool command_line = false;           ///< written --name VALUE, not as keys of a configuration
};

/// Throws Error naming file:line:column when the table is wrong or unreadable.
OptionListing read_option_listing(const std::filesystem::path& path, const std::string& command);

}  // namespace lmf::host
