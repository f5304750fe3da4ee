#include "low_rank.hpp"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <vector>

#include <doctest/doctest.h>

using namespace lmf::exporter;

TEST_CASE("a low-rank update is that of the textbook, at every width") {
  for (const std::int64_t width : {1, 7, 512, 513, 1300}) {
    const std::int64_t rows = 3, rank = 5;
    std::vector<float> w(std::size_t(rows * width)), a(std::size_t(rank * width)), b(std::size_t(rows * rank));
    for (std::size_t i = 0; i < w.size(); ++i) w[i] = std::sin(float(i));
    for (std::size_t i = 0; i < a.size(); ++i) a[i] = std::cos(float(3 * i));
    for (std::size_t i = 0; i < b.size(); ++i) b[i] = std::sin(float(7 * i) + 1);
    auto merged = w;
    add_low_rank(merged.data(), rows, width, b.data(), a.data(), rank, 0.75f);
    double largest = 0;
    for (std::int64_t row = 0; row < rows; ++row)
      for (std::int64_t column = 0; column < width; ++column) {
        double sum = 0;
        for (std::int64_t k = 0; k < rank; ++k)
          sum += double(b[std::size_t(row * rank + k)]) * double(a[std::size_t(k * width + column)]);
        const auto at = std::size_t(row * width + column);
        largest = std::max(largest, std::abs(double(w[at]) + 0.75 * sum - double(merged[at])));
      }
    CHECK(largest < 1e-6);  // a few roundings of numbers up to 5
  }
}
