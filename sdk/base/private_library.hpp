#pragma once

#include <filesystem>

#include "base/dynamic_library.hpp"
#include "lmf/abi.h"

namespace lmf {

/// A library that only its own plugin loads, when it needs it: both are built and shipped together.
struct PrivateLibrary {
  const char *file, *function;
  const char *what, *package;  ///< "the trainer", "lmf-train", for messages
};

/// ../private/FILE, seen from the plugin's own library.
std::filesystem::path private_library(const lmf_host_v1& host, const PrivateLibrary& library);

/// Loads it for the rest of the process and finds its function, to be cast to what it is. Throws
/// Error(kExitPluginUnusable) that names the missing library and the next step.
AnyFunction* load_private_library(const std::filesystem::path& path, const PrivateLibrary& library);

}  // namespace lmf
