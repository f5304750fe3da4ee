#include <doctest/doctest.h>

#include <utility>
#include <vector>

#include "base/host.hpp"
#include "base/log.hpp"
#include "support/places.hpp"

namespace log_ = lmf::log;

namespace {

/// Puts standard error back as the sink, whatever a test did.
struct RestoreSink {
  ~RestoreSink() {
    log_::set_sink([](log_::Level, std::string_view) {}, log_::Level::off);
  }
};

}  // namespace

TEST_CASE("messages below the level do not reach the sink, and are not formatted") {
  RestoreSink restore;
  std::vector<std::pair<log_::Level, std::string>> seen;
  log_::set_sink([&](log_::Level level, std::string_view text) { seen.emplace_back(level, text); }, log_::Level::warn);
  log_::info("not {}", "this");
  log_::warn("step {} of {}", 3, 4);
  log_::error("bad");
  REQUIRE(seen.size() == 2);
  CHECK(seen[0] == std::pair{log_::Level::warn, std::string("step 3 of 4")});
  CHECK(seen[1].first == log_::Level::error);
}

TEST_CASE("level off silences everything") {
  RestoreSink restore;
  int count = 0;
  log_::set_sink([&](log_::Level, std::string_view) { ++count; }, log_::Level::off);
  log_::error("bad");
  log_::write(log_::Level::off, "bad");
  CHECK(count == 0);
}

TEST_CASE("a plugin that adopts its host logs through the host's function at the host's level") {
  RestoreSink restore;
  std::string seen;
  lmf_host_v1 host{};
  host.self = &seen;
  host.log_level = LMF_LOG_INFO;
  host.log = [](void* self, int level, const char* text, size_t length) {
    *static_cast<std::string*>(self) += std::to_string(level) + std::string(text, length) + ";";
  };
  lmf::adopt_host(host);
  log_::debug("hidden");
  log_::info("a{}", 1);
  log_::error("b");
  CHECK(seen == "2a1;4b;");
}

TEST_CASE("the pin of a library changes with the file") {
  lmf::test::TemporaryFolder folder;
  const std::string library = (folder.path() / "liblmf-x.so").string();
  CHECK_THROWS_AS(lmf::pin_of(library), lmf::Error);
  std::filesystem::copy_file("/proc/self/exe", library);
  const std::string before = lmf::pin_of(library);
  CHECK(before.ends_with(":" + library));
  CHECK(lmf::pin_of(library) == before);
  std::filesystem::resize_file(library, 100);
  CHECK(lmf::pin_of(library) != before);
}
