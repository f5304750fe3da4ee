#pragma once

#include <variant>
#include <string>

#include "host/catalogue.hpp"
#include "host/status.hpp"
#include "lmf/abi.h"

namespace lmf::host {

/// Sets the variables that the manifest wants for a command, where the user has not chosen: before load(), as libraries
/// read them while they are loaded.
void set_environment(const CommandEntry& command);

/// Steps 5 to 9 for a plugin whose status is ok: load, entry point, descriptor, and that library and manifest are of
/// one build; or the verdict on the step that failed. Runs code of the plugin: guard_against_crashes() first.
std::variant<const lmf_plugin_v1*, Verdict> load(const Plugin& plugin);

/// The checks of what the entry point returned, apart from loading.
Verdict check_descriptor(const lmf_plugin_v1* descriptor, const Plugin& plugin);  ///< status ok: nothing wrong

/// "lmf.train 0.1.0 (/path/liblmf-train.so)", for messages.
std::string identity(const Plugin& plugin);
/// "lmf.train 0.1.0 (/path/liblmf-train.so), built with cxx=GNU-12.2.0;std=20,", without the tag where there is none.
std::string identity(const Plugin& plugin, const std::string& build_tag);

}  // namespace lmf::host
