#pragma once

#include <filesystem>

#include "config/options.hpp"

namespace lmf::train {

/// The whole of `lmf train` once its options are checked: data to the token store, model, trainer, outputs. Returns the
/// exit status; throws Error.
int run(const config::Options& options, const std::filesystem::path& share_directory);

}  // namespace lmf::train
