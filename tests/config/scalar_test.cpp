#include "config/scalar.hpp"

#include <doctest/doctest.h>

#include <cstdlib>

using namespace lmf::config;

TEST_CASE("numbers are read as OmegaConf reads them, also the exponents that plain YAML 1.1 takes for text") {
  CHECK(parse_number("1e-5") == 1e-5);
  CHECK(parse_number("1.0e-4") == 1e-4);
  CHECK(parse_number("1e3") == 1000.0);
  CHECK(parse_number("-.5") == -0.5);
  CHECK(parse_number("+3") == 3.0);
  CHECK(parse_number("1_000.5") == 1000.5);
  CHECK(parse_number("0x10") == 16.0);
  CHECK(parse_number("0.1") == 0.1);
  CHECK(parse_number("0") == 0.0);
}

TEST_CASE("what is no finite number is refused") {
  for (const char* text : {"",     "-",    "--1",   "+-1",   "abc",   "1e", "1e-", ".",     "nan", ".nan", "inf",
                           ".inf", "-inf", "1,000", "1 000", "1e999", "0x", "0xg", "12abc", "_1",  "1_",   "١"}) {
    CAPTURE(text);
    CHECK_FALSE(parse_number(text).has_value());
    CHECK_FALSE(parse_integer(text).has_value());
  }
}

TEST_CASE("a whole number may be written as one or as a decimal that is one") {
  CHECK(parse_integer("512") == 512);
  CHECK(parse_integer("-1") == -1);
  CHECK(parse_integer("1_000") == 1000);
  CHECK(parse_integer("0x10") == 16);
  CHECK(parse_integer("8.0") == 8);
  CHECK(parse_integer("1e3") == 1000);
  CHECK(parse_integer("9223372036854775807") == INT64_MAX);
  CHECK_FALSE(parse_integer("1.5").has_value());
  CHECK_FALSE(parse_integer("1e300").has_value());
  CHECK_FALSE(parse_integer("9223372036854775808").has_value());
}

TEST_CASE("a leading zero is doubtful, a zero is not") {
  CHECK(has_leading_zero("010"));
  CHECK(has_leading_zero("-007"));
  CHECK_FALSE(has_leading_zero("0"));
  CHECK_FALSE(has_leading_zero("0.5"));
  CHECK_FALSE(has_leading_zero("0x10"));
  CHECK_FALSE(parse_integer("010").has_value());
  CHECK_FALSE(parse_number("007").has_value());
}

TEST_CASE("booleans are YAML 1.1's words and the command line's y, t and 1") {
  for (const char* text : {"true", "True", "TRUE", "yes", "on", "y", "t", "1"}) CHECK(parse_flag(text) == true);
  for (const char* text : {"false", "False", "no", "off", "n", "f", "0"}) CHECK(parse_flag(text) == false);
  for (const char* text : {"", "2", "truee", "null", "enable"}) CHECK_FALSE(parse_flag(text).has_value());
}

TEST_CASE("null has four spellings") {
  for (const char* text : {"", "~", "null", "Null"}) CHECK(is_null_word(text));
  CHECK_FALSE(is_null_word("none"));
}

TEST_CASE("a variable of the environment is on by the original's words only") {
  const auto is_on = [](const char* value) {
    ::setenv("LMF_TEST_FLAG", value, 1);
    return environment_flag("LMF_TEST_FLAG");
  };
  for (const char* value : {"true", "True", "y", "Y", "1"}) CHECK(is_on(value));
  for (const char* value : {"", "yes", "on", "t", "false", "0", "2"}) CHECK_FALSE(is_on(value));
  ::unsetenv("LMF_TEST_FLAG");
  CHECK_FALSE(environment_flag("LMF_TEST_FLAG"));
}
