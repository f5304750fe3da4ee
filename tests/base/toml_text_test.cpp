#include "base/toml_text.hpp"

#include <doctest/doctest.h>

using lmf::character_outside_texts;

TEST_CASE("characters beyond ASCII stand in quotes and comments only") {
  for (const char* right : {"", "a = 1\n",
                            "\xef\xbb\xbf"
                            "a = 'ü'",
                            "a = \"ü\\\"ü\" # ü\nb = 'ü\\' # ü", "a = \"\" # ü", "a = '''ü\n'ü''ü''' # ü",
                            "a = \"\"\"ü\\\"ü\"\"\"\"\" # ü", "a = \"\"\"x\\\n  y ü\"\"\"", "a = \"\"\"\\\\ü\"\"\"",
                            "# no end ü", "a = 'no end", "a = \"no end\\", "a = '''no end ü", "a = \"\"\"no end\\"})
    CHECK_MESSAGE(!character_outside_texts(right), right);
  CHECK(character_outside_texts("ü = 1") == 0);
  CHECK(character_outside_texts("a = 'ü' ü") == 9);
  CHECK(character_outside_texts("a = 'no end\nü = 1") == 12);
  CHECK(character_outside_texts("\xef\xbb\xbf\xef\xbb\xbf") == 3);
  CHECK(character_outside_texts("a = \"\"\"x\\\n  ü\"\"\"") == 12);
  CHECK(character_outside_texts("a = \"\"\"\\ü\"\"\"") == 8);
  CHECK(character_outside_texts("a = '''x''' ü") == 12);
}

TEST_CASE("a quote within a number begins no text") {
  for (const char* right :
       {"1=\"ü\"", "-1.\"ü\" = 1", "[1.\"ü\"]\n[[-.'ü']]",
        "a = [1, \"ü\", [\"ü\"], {b = 1, 2=\"ü\", c.\"ü\" = +1}, \"ü\"]\n2=\"ü\"", "a = [\n1, # ü\n'ü'\n]\n1=\"ü\"",
        "a = 1 # \"ü", "a = 1979-05-27 07:32:00\n1='ü'", "a = 1,\"ü\"", "a = {\n}\n1=\"ü\""})
    CHECK_MESSAGE(!character_outside_texts(right), right);
  CHECK(character_outside_texts("a = 2\"ü\"") == 6);
  CHECK(character_outside_texts("a=-'ü'") == 4);
  CHECK(character_outside_texts("a = 1=\"ü\"") == 7);
  CHECK(character_outside_texts("a = [1[\"ü\"") == 8);
  CHECK(character_outside_texts("a = [\n\n+'ü'") == 9);
  CHECK(character_outside_texts("a = {b = [], c = 1.'ü'") == 20);
  CHECK(character_outside_texts("a = 1979-05-27 0\"ü\"") == 17);
}
