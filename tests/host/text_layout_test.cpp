#include <doctest/doctest.h>

#include <array>

#include "host/arguments.hpp"
#include "host/text_layout.hpp"
#include "lmf/error.hpp"

TEST_CASE("explanations are aligned and wrapped, wide words stand alone") {
  CHECK(lmf::host::two_columns({{"a", "short"}, {"bcd", "one two three four five six seven eight"}}, {40, false}) ==
        "  a    short\n"
        "  bcd  one two three four five six seven\n"
        "       eight\n");
  const std::string wide(31, 'w');
  CHECK(lmf::host::two_columns({{"a", "x"}, {wide, "y"}, {"none", ""}}, {60, false}) ==
        "  a     x\n  " + wide + "\n        y\n  none\n");
}

TEST_CASE("where explanations would have no room they stand below their words") {
  CHECK(
      lmf::host::two_columns({{"fourteen words", "one two three four five six seven"}, {"a", "short"}}, {40, false}) ==
      "  fourteen words\n"
      "      one two three four five six seven\n"
      "  a\n"
      "      short\n");
}

TEST_CASE("what is wider than a line is broken at blanks, and else where it can be read on") {
  CHECK(lmf::host::two_columns({{"new NAME [--language c++|c|rust] [--vendor VENDOR]", "Write"}}, {40, false}) ==
        "  new NAME [--language c++|c|rust]\n"
        "    [--vendor VENDOR]\n"
        "    Write\n");
  CHECK(lmf::host::wrapped("a number_of_things=some|none|all b", 20, 2) == "a\n  number_of_things=\n  some|none|all b");
  CHECK(lmf::host::wrapped("an_unbreakable_word b", 5, 0) == "an_unbreakable_word\nb");
}

TEST_CASE("a column is a character, not a byte") {
  CHECK(lmf::host::characters("größe") == 5);
  CHECK(lmf::host::two_columns({{"ü", "x"}, {"ab", "y"}}, {60, false}) == "  ü   x\n  ab  y\n");
}

TEST_CASE("colour is around words and changes no width") {
  CHECK(lmf::host::two_columns({{"ab", "x y"}}, {40, true}) == "  \033[36mab\033[0m  x y\n");
  lmf::host::Sections sections;
  sections["One"].emplace_back("a", "x");
  sections["Other"].emplace_back("longer", "y");
  CHECK(sections.text({40, false}) == "\nOne:\n  a       x\n\nOther:\n  longer  y\n");
  CHECK(sections.text({40, true}).starts_with("\n\033[1mOne:\033[0m\n"));
}

TEST_CASE("host options end at the command") {
  const std::array<const char*, 6> argv = {"--log-level=debug", "--plugin-dir", "/p", "train", "--plugin-dir", "-h"};
  const auto arguments = lmf::host::read_arguments(argv);
  CHECK(arguments.log_level == "debug");
  CHECK(arguments.plugin_directories == std::vector<std::string>{"/p"});
  CHECK(arguments.command == "train");
  CHECK(arguments.rest.size() == 2);
  CHECK_FALSE(arguments.help);
}
