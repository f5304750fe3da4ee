#pragma once

#include <string>
#include <string_view>

#include "base/log.hpp"
#include "host/environment.hpp"

namespace lmf::host {

/// The level that --log-level (wins) or LLAMAFACTORY_VERBOSITY asks for; info without either. A wrong option throws
/// Error (exit 2); a wrong variable is said in a warning once logging is set up, as the command still can run.
log::Level choose_log_level(const std::string* option, const Environment& environment, std::string& warning);

/// The one log of the process, on standard error. Made at its first message, so that commands without any pay nothing.
void start_log(log::Level level, const std::string& rank);

/// The host's side of lmf_host_v1::log, called from C. Any thread.
void log_from_plugin(void* self, int level, const char* text, size_t length) noexcept;

}  // namespace lmf::host
