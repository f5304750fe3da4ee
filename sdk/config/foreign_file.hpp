#pragma once

#include <vector>

#include "config/node.hpp"

namespace lmf::config {

/// Throws Error(kExitUsage) when a file that was named as a configuration is one of another program, told by a key that
/// only that has: one sentence then says more than a list of unknown options.
void refuse_foreign_file(const std::vector<Entry>& entries);

}  // namespace lmf::config
