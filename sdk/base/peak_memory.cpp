#include "base/peak_memory.hpp"

#include <sys/resource.h>

namespace lmf {

std::uint64_t peak_memory_bytes() {
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  return static_cast<std::uint64_t>(usage.ru_maxrss) << 10;  // Linux counts in KiB
}

}  // namespace lmf
