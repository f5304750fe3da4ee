// A plugin that links libtorch: whatever libtorch does when the process ends, the status is the plugin's.
#include <doctest/doctest.h>

#include "host/support.hpp"

using lmf::test::executable;
using lmf::test::Finished;
using lmf::test::run_process;

namespace {

/// Under the sanitizers: what running threads hold at the end is no matter of this test.
const lmf::test::Variables kNoLeaks = {{"ASAN_OPTIONS", "detect_leaks=0"}};

}  // namespace

TEST_CASE("the status of a plugin that used libtorch on many threads is the program's") {
  const auto folder = std::filesystem::canonical(lmf::test::built_plugins() / "tensor");
  for (const int status : {0, 3, 3, 3, 255}) {  // several times: threads end up elsewhere each time
    const Finished finished = run_process(
        {executable().string(), "--plugin-dir", folder.string(), "tensor", std::to_string(status)}, kNoLeaks);
    CHECK(finished.status == status);
    CHECK(finished.out == "524288\n");
    CHECK(finished.err == "");
  }
}

TEST_CASE("the doctor loads libtorch in a process of its own, and sees that it ends well") {
  const auto folder = std::filesystem::canonical(lmf::test::built_plugins() / "tensor");
  const Finished finished = run_process(
      {executable().string(), "--plugin-dir", folder.string(), "plugin", "doctor", "tensor", "--timeout=600"},
      kNoLeaks);
  CHECK(finished.status == 0);
  CHECK(finished.out.find("acme.tensor 1.0.0: ok\n") == 0);
  CHECK(finished.out.find(";torch=2.") != std::string::npos);
}
