#pragma once

#include <string>

#include "lmf/plugin.hpp"

namespace lmf {

/// Sends lmf::log to the host of this plugin. First line of every first-party command.
void adopt_host(const lmf_host_v1& host);

/// The environment variable that ties a re-executed host to one library file.
inline constexpr const char* kPinVariable = "LMF_PLUGIN_PIN";

/// "LMF_PLUGIN_PIN=SIZE:MTIME_NS:PATH" of this plugin's library, for the environment of a host that is run again
/// (`host.executable`) as a worker. That host stops with a sentence (exit 126) when its command resolves to another
/// file or the file has changed meanwhile, so all ranks run the same code. Throws Error when the library is gone.
std::string pin_environment_entry(const lmf_host_v1& host);

/// The value part for one library file.
std::string pin_of(const std::string& library);
/// The PATH in such a value, or all of it where there is none.
std::string library_of_pin(const std::string& pin);

}  // namespace lmf
