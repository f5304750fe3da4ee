#pragma once

#include <string>

#include "host/catalogue.hpp"

namespace lmf::host {

/// The plugin that a user means by "acme.greet", "greet", or the name of one of its commands. Throws Error (exit 2):
/// none, with suggestions, or plugins of several vendors.
const Plugin& plugin_named(const Catalogue& catalogue, const std::string& name);

/// "'gret' is not a plugin. Did you mean 'acme.greet'?"
[[noreturn]] void no_such_plugin(const Catalogue& catalogue, const std::string& name,
                                 std::vector<std::string> further_names = {});

}  // namespace lmf::host
