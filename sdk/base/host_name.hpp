#pragma once

#include <string>

namespace lmf {

/// This machine's own name; "unknown" where it has none.
std::string host_name();

}  // namespace lmf
