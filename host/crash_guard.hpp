#pragma once

#include <string>

namespace lmf::host {

/// From now on a fatal signal or an uncaught exception writes one line that names the plugin, and then takes its usual
/// course: the core dump and status 128+n stay. `program` is the name that messages begin with, `plugin` says whose
/// code runs ("lmf.train 0.1.0 (/path/liblmf-train.so)"). Call again to say more once more is known.
void guard_against_crashes(const std::string& program, const std::string& plugin);

}  // namespace lmf::host
