#pragma once

#include "host/plugin_command.hpp"

namespace lmf::host {

/// `lmf plugin list [--json]`: every plugin with its version, status, library and, when it cannot be used, why. The
/// JSON is versioned by its "format" key.
int list_plugins(const PluginCall& call);

}  // namespace lmf::host
