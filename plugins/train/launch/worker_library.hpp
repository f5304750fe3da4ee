#pragma once

#include <filesystem>

#include "lmf/abi.h"
#include "train/worker_abi.h"

namespace lmf::train {

/// ../private/liblmf-train-worker.so, seen from this plugin's library.
std::filesystem::path worker_library(const lmf_host_v1& host);

/// Loads the library for the rest of the process and finds its function. Throws Error(kExitPluginUnusable) that names
/// the missing library and the next step.
lmf_train_worker_run_function* load_worker(const std::filesystem::path& library);

}  // namespace lmf::train
