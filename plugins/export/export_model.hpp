#pragma once

#include "lmf/abi.h"
#include "request.hpp"

namespace lmf::exporter {

/// Does what was asked: judges everything, writes the folder, gives it its name.
void export_model(const Request& request, const lmf_host_v1& host);

}  // namespace lmf::exporter
