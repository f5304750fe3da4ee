#include "host/host_log.hpp"

#include <new>

#include <doctest/doctest.h>

#include "lmf/abi.h"

TEST_CASE("a message that cannot be written never becomes an exception in a plugin's C code") {
  int tried = 0;
  lmf::log::set_sink(
      [&](lmf::log::Level, std::string_view) {
        ++tried;
        throw std::bad_alloc();
      },
      lmf::log::Level::trace);
  lmf_host_v1 host{};
  host.log = lmf::host::log_from_plugin;
  CHECK_NOTHROW(host.log(host.self, LMF_LOG_INFO, "text", 4));
  CHECK_NOTHROW(host.log(host.self, 99, "text", 4));  // no level at all
  CHECK(tried == 2);
  lmf::log::set_sink([](lmf::log::Level, std::string_view) {}, lmf::log::Level::off);
}
