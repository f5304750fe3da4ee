// Ends with 1 and says which line does not hold.
#include <cstdio>

#include "lengths.hpp"

int main() {
  int failures = 0;
  const auto expect = [&](bool holds, int line) {
    if (!holds) std::printf("lengths_test.cpp:%d does not hold\n", line), ++failures;
  };
  const std::vector<std::int64_t> ten = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10};
  expect(tokens::percentile(ten, 0.5) == 5, __LINE__);
  expect(tokens::percentile(ten, 0.9) == 9, __LINE__);
  expect(tokens::percentile(ten, 0.95) == 10, __LINE__);
  expect(tokens::percentile(ten, 0.0) == 1, __LINE__);
  expect(tokens::percentile({7}, 0.99) == 7, __LINE__);
  expect(tokens::summary({30, 10, 20}, 20) ==
             "3 rows, 60 tokens, 20.0 a row\n"
             "shortest 10, median 20, 90 % 30, 95 % 30, 99 % 30, longest 30\n"
             "1 (33.3 %) longer than cutoff_len 20\n",
         __LINE__);
  return failures == 0 ? 0 : 1;
}
