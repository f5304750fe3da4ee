#pragma once

#include "host/plugin_command.hpp"

namespace lmf::host {

/// `lmf plugin info NAME [--json]`: all that the manifest says of one plugin, and whether each of its commands can be
/// run. Exit 1 when something is wrong with it.
int inform_of_plugin(const PluginCall& call);

}  // namespace lmf::host
