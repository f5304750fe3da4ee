#pragma once

#include <filesystem>
#include <string>

#include "support/places.hpp"

namespace lmf::test {

/// tests/fixtures/export/NAME.
inline std::filesystem::path export_fixture(const std::string& name) { return fixtures() / "export" / name; }

}  // namespace lmf::test
