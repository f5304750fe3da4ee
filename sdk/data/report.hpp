#pragma once

#include <string>

#include "data/prepare.hpp"

namespace lmf::data {

/// The report as a store keeps it in its notes; from_cache and store are not part of it.
std::string to_json(const PrepareReport& report);
/// Throws Error for a text that to_json() did not write.
PrepareReport report_from_json(const std::string& text);

}  // namespace lmf::data
