#include "train/worker/memory.hpp"

#include <algorithm>
#include <fstream>
#include <limits>
#include <string>

#include <malloc.h>

namespace lmf::train {
namespace {

constexpr std::uint64_t kUnknown = std::numeric_limits<std::uint64_t>::max();

std::uint64_t number_in(const char* file) {
  std::uint64_t value = 0;
  std::ifstream stream(file);
  return stream >> value ? value : kUnknown;  // "max" is no number: no limit
}

std::uint64_t system_available() {
  std::ifstream file("/proc/meminfo");
  std::string key;
  for (std::uint64_t kibibytes = 0; file >> key;) {
    if (key == "MemAvailable:" && file >> kibibytes) return kibibytes << 10;
  }
  return kUnknown;
}

std::uint64_t group_available() {
  const std::uint64_t limit = number_in("/sys/fs/cgroup/memory.max"), used = number_in("/sys/fs/cgroup/memory.current");
  if (limit == kUnknown || used == kUnknown) return kUnknown;
  return limit > used ? limit - used : 0;
}

}  // namespace

void keep_big_buffers() {
  ::mallopt(M_MMAP_MAX, 0);                                      // from the heap, which keeps what is freed
  ::mallopt(M_TRIM_THRESHOLD, std::numeric_limits<int>::max());  // and does not shrink
}

std::uint64_t available_memory_bytes() { return std::min(system_available(), group_available()); }

}  // namespace lmf::train
