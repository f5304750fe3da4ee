#pragma once

#include <filesystem>
#include <span>
#include <vector>

#include "config/node.hpp"
#include "config/options.hpp"

namespace lmf::config {

struct CommandLine {
  std::filesystem::path file;  ///< the configuration file among the words; empty: none
  std::vector<Entry> entries;
  std::vector<Problem> problems;
};

/// Takes apart `CONFIG.yaml key=value --key value --key=value --flag`. Names are not judged here, but the table tells
/// which options take no value, and both lora-rank and lora_rank are accepted after two dashes.
CommandLine parse_command_line(const OptionTable& table, std::span<const char* const> arguments);

}  // namespace lmf::config
