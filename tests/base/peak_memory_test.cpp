#include "base/peak_memory.hpp"

#include <vector>

#include <doctest/doctest.h>

TEST_CASE("the peak of memory is in bytes, and stays when memory is given back") {
  constexpr std::size_t kBytes = std::size_t{64} << 20;
  std::uint64_t high = 0;
  {
    const std::vector<char> touched(kBytes, 'x');
    high = lmf::peak_memory_bytes();
    CHECK(touched.back() == 'x');
  }
  CHECK(high >= kBytes);
  CHECK(high < (std::uint64_t{1} << 50));  // bytes, not KiB of bytes
  CHECK(lmf::peak_memory_bytes() >= high);
}
