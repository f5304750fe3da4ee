// Words of commands that messages tell users to run.
#include "base/shell_word.hpp"

#include <doctest/doctest.h>

#include "support/process.hpp"

using lmf::shell_word;

TEST_CASE("plain words stay as they are, others are quoted") {
  CHECK(shell_word("/usr/lib/lmf/plugins-1") == "/usr/lib/lmf/plugins-1");
  CHECK(shell_word("key=value,1:2@%+") == "key=value,1:2@%+");
  CHECK(shell_word("") == "''");
  CHECK(shell_word("a b") == "'a b'");
  CHECK(shell_word("Grüße") == "'Grüße'");
  CHECK(shell_word("it's $HOME") == R"('it'\''s $HOME')");
  CHECK(shell_word("two\nlines'\\") == R"($'two\012lines\'\\')");
}

TEST_CASE("a shell reads them as they were") {
  for (const std::string text :
       {"", "~", "a b", "it's", "$(id) `id` \"\\", "two\nlines", "'\x1b[2J\\é\x7f", "*?[a]{b,c}#!&|;<>"})
    CHECK(lmf::test::run_process({"bash", "-c", "printf %s " + shell_word(text)}).out == text);
}
