#pragma once

#include <filesystem>
#include <map>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "config/options.hpp"

namespace lmf::train::launch {

/// The options of a command line that goes on with another program's words: checked values, and the rest untouched.
struct RunWords {
  config::Options options;
  std::vector<std::string> program;  ///< and its arguments

  bool given(const char* name) const { return options.given(name); }
  std::string text(const char* name) const { return options.text(name); }
  bool flag(const char* name) const { return options.flag(name); }
  /// "--nnodes" or "PET_NNODES": for messages.
  std::string origin(const char* name) const;
};

/// --name VALUE, --name=VALUE, -x VALUE, -xVALUE, --flag; '_' is as good as '-'. What is not given is looked for in
/// PET_NAME; a flag there may be empty (unset), a number, true or false.
RunWords read_run_words(const std::filesystem::path& table, std::span<const char* const> arguments);

}  // namespace lmf::train::launch
