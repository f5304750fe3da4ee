// The promise of plugin ABI 1: what was built against an earlier minor of it still loads and runs.
// tests/fixtures/host/abi-1.0 holds a library as it was built when 1.0 was new; each later minor gets one of its own.
#include <doctest/doctest.h>

#include "host/support.hpp"

using lmf::test::contains;
using lmf::test::Finished;
using lmf::test::PluginFolder;

#if defined(__x86_64__)

namespace {

namespace fs = std::filesystem;

/// The kept library beside its manifest, with rights that do not depend on how the checkout was made.
void add_relic(const PluginFolder& folder) {
  for (const char* name : {"liblmf-relic.so", "relic.lmf-plugin.toml"}) {
    fs::copy_file(lmf::test::fixtures() / "host/abi-1.0" / name, folder.path() / name);
    fs::permissions(folder.path() / name, fs::perms::owner_read | fs::perms::owner_write);
  }
}

}  // namespace

TEST_CASE("a library that was built against ABI 1.0 is told all that 1.0 tells") {
  const PluginFolder folder;
  add_relic(folder);
  const Finished finished = folder.lmf({"--log-level", "info", "relic"});
  CHECK(finished.status == 0);
  CHECK(contains(finished.err, "relic of lmf " LMF_VERSION " called lmf at " +
                                   fs::canonical(lmf::test::executable()).string() + " in " + folder.text() +
                                   "/liblmf-relic.so with "));
  CHECK(contains(finished.err, "share/lmf among " + folder.text() + "\n"));
  CHECK(!contains(folder.lmf({"--log-level", "warn", "relic"}).err, "relic of lmf"));
}

TEST_CASE("its arguments, error and status arrive as in 1.0") {
  const PluginFolder folder;
  add_relic(folder);
  const Finished finished = folder.lmf({"relic", "one", "two"});
  CHECK(finished.status == 42);
  CHECK(finished.err.ends_with("\nlmf relic: no such word as two\n"));
  CHECK(contains(folder.lmf({"help"}).out, "Say what the host of today offers to a plugin of then"));
}

#else

TEST_CASE("a library that was built against ABI 1.0 (kept for x86-64 only)" * doctest::skip()) {}

#endif
