// main() of every test program. A program built with LMF_TEST_NEEDS_SHARED runs only where the reference numbers are;
// elsewhere it says so and ends with 77, which ctest counts as skipped.
#include <doctest/doctest.h>

#include <cstdio>

#include "support/places.hpp"

int main(int argc, char** argv) {
#ifdef LMF_TEST_NEEDS_SHARED
  if (!lmf::test::shared_directory()) {
    std::puts("skipped: the reference numbers (shared/ beside the checkout, or LMF_SHARED) are not here");
    return 77;
  }
#endif
  return doctest::Context(argc, argv).run();
}
