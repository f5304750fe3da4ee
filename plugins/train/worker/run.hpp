#pragma once

#include <filesystem>
#include <functional>

#include "config/options.hpp"

namespace lmf::train {

/// The whole of `lmf train` once its options are checked: data to the token store, model, trainer, outputs. Returns the
/// exit status; throws Error. `begins` is called when every rank has found that it can begin: not before, something may
/// be written into the output folder.
int run(const config::Options& options, const std::filesystem::path& share_directory,
        const std::function<void()>& begins);

}  // namespace lmf::train
