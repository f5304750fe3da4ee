#pragma once

#include <cstdint>

namespace lmf::train {

/// Keeps big buffers once they exist instead of returning them to the system after every use: a fresh buffer costs a
/// page fault every 4 KiB. Call before the first tensor.
void keep_big_buffers();

/// What this process may still take: the system's available memory, or less when its control group allows less.
std::uint64_t available_memory_bytes();

}  // namespace lmf::train
