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
