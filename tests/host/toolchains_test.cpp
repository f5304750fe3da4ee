// Plugins of other compilers, standards and standard libraries, in one host. (C11 is in commands_test.cpp.)
#include <doctest/doctest.h>

#include "host/support.hpp"

using lmf::test::contains;
using lmf::test::executable;
using lmf::test::Finished;
using lmf::test::run_process;

TEST_CASE("plugins of every toolchain run in one host, and fail as the host's own do") {
  const auto folder = std::filesystem::canonical(lmf::test::built_plugins() / "toolchains");
  const std::vector<std::pair<std::string, std::string>> kinds = {{"cxx20", "plain 202002"},
                                                                  {"cxx23", "plain 202"},
                                                                  {"debug", "debug 2020"},
                                                                  {"old-abi", "old-abi 2020"},
                                                                  {"clang", "clang 2020"}};
  for (const auto& [kind, says] : kinds) {
    CAPTURE(kind);
    if (!std::filesystem::exists(folder / ("liblmf-by-" + kind + ".so"))) {
      MESSAGE("skipped: this build made no plugin by " << kind << " (no such compiler)");
      CHECK(kind == "clang");
      continue;
    }
    const auto by = [&](std::vector<std::string> words) {
      words.insert(words.begin(), {executable().string(), "--plugin-dir", folder.string(), "by-" + kind});
      return run_process(words);
    };
    const Finished used = by({"apple", "ant", "bee"});
    CHECK(used.status == 5);
    CHECK_MESSAGE(used.out.starts_with("a2 b1 " + says), used.out);
    CHECK(contains(used.err, "logged by by-" + kind));
    const Finished failed = by({});
    CHECK(failed.status == 2);
    CHECK(failed.err == "lmf by-" + kind + ": expected words, by-" + kind + "\n  for example: a b\n");
  }
}
