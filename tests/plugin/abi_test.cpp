// The frozen layout of lmf/abi.h, of 64-bit machines. A change here breaks every plugin that exists: fields are added
// at the end only, with a line added here.
#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <cstddef>

#include "lmf/abi.h"

extern "C" const std::size_t lmf_c_host_layout[14];
extern "C" const std::size_t lmf_c_plugin_layout[11];

static_assert(sizeof(void*) == 8, "the recorded layout is of 64-bit machines");

namespace {

constexpr std::array<std::size_t, 14> kHost = {0, 4, 6, 8, 16, 24, 28, 32, 40, 48, 56, 64, 72, 88};
constexpr std::array<std::size_t, 11> kPlugin = {0, 4, 6, 8, 12, 16, 24, 32, 40, 48, 56};

}  // namespace

TEST_CASE("the structures are laid out as ABI 1.0 froze them, in C and in C++") {
  CHECK(std::equal(kHost.begin(), kHost.end(), lmf_c_host_layout));
  CHECK(std::equal(kPlugin.begin(), kPlugin.end(), lmf_c_plugin_layout));
  CHECK(sizeof(lmf_host_v1) == kHost.back());
  CHECK(offsetof(lmf_host_v1, plugin_directory_count) == 80);
  CHECK(offsetof(lmf_host_v1, log_level) == 24);
  CHECK(sizeof(lmf_plugin_v1) == kPlugin.back());
  CHECK(offsetof(lmf_plugin_v1, run) == 40);
}

TEST_CASE("the numbers of ABI 1.0 stay") {
  CHECK(LMF_ABI_MAGIC == 0x31464d4cu);
  CHECK(LMF_ABI_MAJOR == 1);
  CHECK(LMF_ABI_MINOR == 0);
  CHECK(LMF_LOG_TRACE == 0);
  CHECK(LMF_LOG_DEBUG == 1);
  CHECK(LMF_LOG_INFO == 2);
  CHECK(LMF_LOG_WARN == 3);
  CHECK(LMF_LOG_ERROR == 4);
  CHECK(LMF_LOG_OFF == 5);
}
