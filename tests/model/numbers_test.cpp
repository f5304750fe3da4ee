#include "model/numbers.hpp"

#include <doctest/doctest.h>

#include <bit>
#include <cmath>
#include <limits>
#include <vector>

using namespace lmf::model;

TEST_CASE("every half comes back as it was") {
  for (std::uint32_t bits = 0; bits < 0x10000; ++bits) {
    const auto half = static_cast<std::uint16_t>(bits);
    const float value = from_half(half);
    if (std::isnan(value))
      CHECK(std::isnan(from_half(to_half(value))));
    else
      REQUIRE(to_half(value) == half);
  }
}

TEST_CASE("rounding to half goes to the nearest, ties to even") {
  CHECK(from_half(0x3c00) == 1.0f);
  CHECK(from_half(0x0001) == 0x1p-24f);
  CHECK(from_half(0x7bff) == 65504.0f);
  CHECK(to_half(1.0f + 0x1p-11f) == 0x3c00);      // halfway: to even
  CHECK(to_half(1.0f + 3 * 0x1p-11f) == 0x3c02);  // halfway: to even
  CHECK(to_half(1.0f + 0x1.2p-11f) == 0x3c01);    // above halfway
  CHECK(to_half(0x1p-25f) == 0x0000);             // halfway to the least: to even
  CHECK(to_half(0x1.8p-25f) == 0x0001);
  CHECK(to_half(0x1.ff8p-15f) == 0x03ff);  // the largest without a leading one
  CHECK(to_half(0x1.ffep-15f) == 0x0400);  // rounds up to the least with one
  CHECK(to_half(65519.9f) == 0x7bff);
  CHECK(to_half(65520.0f) == 0x7c00);
  CHECK(to_half(-std::numeric_limits<float>::infinity()) == 0xfc00);
  CHECK(std::isnan(from_half(to_half(std::numeric_limits<float>::quiet_NaN()))));
}

TEST_CASE("rounding to bfloat16 goes to the nearest, ties to even") {
  CHECK(to_bfloat(1.0f) == 0x3f80);
  CHECK(to_bfloat(1.0f + 0x1p-8f) == 0x3f80);
  CHECK(to_bfloat(1.0f + 3 * 0x1p-8f) == 0x3f82);
  CHECK(to_bfloat(-1.0f - 0x1.2p-8f) == 0xbf81);
  CHECK(to_bfloat(std::numeric_limits<float>::max()) == 0x7f80);
  CHECK(to_bfloat(std::numeric_limits<float>::infinity()) == 0x7f80);
  CHECK(to_bfloat(std::bit_cast<float>(0x7fffffffu)) == 0x7fc0);
}

TEST_CASE("numbers at odd addresses are read and written") {
  for (const Number number : {Number::f32, Number::f16, Number::bf16, Number::f64}) {
    std::vector<std::byte> bytes(3 * bytes_of(number) + 1);
    const float values[3] = {0.5f, -2.0f, 96.0f};
    from_floats(number, values, 3, bytes.data() + 1);
    float back[3] = {};
    to_floats(number, bytes.data() + 1, 3, back);
    for (int i = 0; i < 3; ++i) CHECK(back[i] == values[i]);
    CHECK(number_of(safetensors_name(number)) == number);
    CHECK(number_named(torch_name(number)) == number);
  }
  CHECK(!number_of("I64"));
  CHECK(!number_named("auto"));
}
