#pragma once

#include <cstdint>

namespace lmf {

/// The most memory that this process has had resident.
std::uint64_t peak_memory_bytes();

}  // namespace lmf
