#pragma once

#include <filesystem>
#include <span>

#include "train/launch/agent/agent.hpp"

namespace lmf::train::launch {

/// `lmf run`'s words: torchrun's options, with PET_NAME in the environment for each that is not given, then the
/// program and its arguments. `table` is run.options.toml. Throws Error(kExitUsage) naming the option or variable.
AgentOptions read_run_options(const std::filesystem::path& table, std::span<const char* const> arguments);

}  // namespace lmf::train::launch
