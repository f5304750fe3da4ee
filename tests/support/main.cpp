// main() of every test program. A program built with LMF_TEST_NEEDS_SHARED runs only where the reference numbers are;
// elsewhere it says so and ends with 77, which ctest counts as skipped. Where the command line's filters leave no test
// case to run it ends with 1: doctest would call that a success.
#include <doctest/doctest.h>

#include <cstdio>

#include "support/places.hpp"

namespace {

bool ran_nothing = false;

/// Looks at how many test cases a run had.
struct Count : doctest::IReporter {
  explicit Count(const doctest::ContextOptions&) {}
  void test_run_end(const doctest::TestRunStats& run) override { ran_nothing = run.numTestCasesPassingFilters == 0; }

  void report_query(const doctest::QueryData&) override {}
  void test_run_start() override {}
  void test_case_start(const doctest::TestCaseData&) override {}
  void test_case_reenter(const doctest::TestCaseData&) override {}
  void test_case_end(const doctest::CurrentTestCaseStats&) override {}
  void test_case_exception(const doctest::TestCaseException&) override {}
  void subcase_start(const doctest::SubcaseSignature&) override {}
  void subcase_end() override {}
  void log_assert(const doctest::AssertData&) override {}
  void log_message(const doctest::MessageData&) override {}
  void test_case_skipped(const doctest::TestCaseData&) override {}
};
REGISTER_LISTENER("count", 0, Count);

}  // namespace

int main(int argc, char** argv) {
#ifdef LMF_TEST_NEEDS_SHARED
  if (!lmf::test::shared_directory()) {
    std::puts("skipped: the reference numbers (shared/ beside the checkout, or LMF_SHARED) are not here");
    return 77;
  }
#endif
  const int status = doctest::Context(argc, argv).run();
  if (ran_nothing) std::fputs("no test case was run: none is what the command line asks for\n", stderr);
  return ran_nothing ? 1 : status;
}
