#pragma once

#include <variant>
#include <string>

#include "host/catalogue.hpp"
#include "host/status.hpp"
#include "lmf/abi.h"

namespace lmf::host {

/// The step of the load sequence that failed, and why in whole sentences.
struct LoadFailure {
  Status status;
  std::string reason;
};

/// Steps 5 to 9 for a plugin whose status is ok: load, entry point, descriptor, and that library and manifest are of
/// one build. Runs code of the plugin: guard_against_crashes() first.
std::variant<const lmf_plugin_v1*, LoadFailure> load(const Plugin& plugin);

/// The checks of what the entry point returned, apart from loading.
LoadFailure check_descriptor(const lmf_plugin_v1* descriptor, const Plugin& plugin);  ///< status ok: nothing wrong

/// "lmf.train 0.1.0 (/path/liblmf-train.so)", for messages.
std::string identity(const Plugin& plugin);

}  // namespace lmf::host
