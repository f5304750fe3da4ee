#pragma once

#include "host/plugin_command.hpp"

namespace lmf::host {

/// `lmf plugin doctor [NAME] [--json] [--timeout SECONDS]`: every plugin that could be loaded is, in a process of its
/// own. Exit 1 when something is wrong.
int examine_plugins(const PluginCall& call);

}  // namespace lmf::host
