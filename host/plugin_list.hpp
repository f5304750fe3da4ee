#pragma once

#include <string>

#include "host/catalogue.hpp"

namespace lmf::host {

/// `lmf plugin list`: every plugin with its version, status, library and, when it cannot be used, why.
std::string plugin_list(const Catalogue& catalogue);
/// The same for programs. The format is versioned by its "format" key.
std::string plugin_list_json(const Catalogue& catalogue);

}  // namespace lmf::host
