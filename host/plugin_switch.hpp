#pragma once

#include "host/plugin_command.hpp"

namespace lmf::host {

/// `lmf plugin disable NAME`, `lmf plugin enable NAME`: writes the user's plugins.toml.
int disable_plugin(const PluginCall& call);
int enable_plugin(const PluginCall& call);

}  // namespace lmf::host
