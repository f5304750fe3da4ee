#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "config/node.hpp"

/// One reader for each format of configuration files. All throw Error(kExitUsage) with file:line for what is no
/// well-formed file; `file` is the name for messages.
namespace lmf::config {

std::vector<Entry> read_yaml(std::string_view text, const std::string& file);
std::vector<Entry> read_json(std::string_view text, const std::string& file);
std::vector<Entry> read_toml(std::string_view text, const std::string& file);

/// A value of the command line that is a list or a map: `[1, 2]`.
Node parse_yaml_value(std::string_view text);

/// Whether a word of the command line names a configuration file: .yaml, .yml, .json or .toml.
bool is_configuration_file(std::string_view word);

/// Chooses the reader by the extension.
std::vector<Entry> read_file_entries(const std::filesystem::path& path);

}  // namespace lmf::config
