#include <doctest/doctest.h>

#include "lmf/error.hpp"
#include "settings.hpp"
#include "words.hpp"

using lmf::chat::split_arguments;
using lmf::chat::Word;
using lmf::chat::word_in;

TEST_CASE("`clear` and `exit` are words only when they stand alone") {
  CHECK(word_in("exit") == Word::exit);
  CHECK(word_in("  clear\r") == Word::clear);
  CHECK(word_in("clear the table") == Word::message);
  CHECK(word_in("Exit") == Word::message);
  CHECK(word_in("") == Word::nothing);
  CHECK(word_in(" \t ") == Word::nothing);
}

TEST_CASE("prompts are taken from among the options, in order, whatever is in them") {
  const char* words[] = {"--temperature", "0",          "--prompt",  "a, b = c",
                         "chat.yaml",     "prompt=--x", "--prompt=", "top_k=3"};
  const auto arguments = split_arguments(words);
  CHECK(arguments.prompts == std::vector<std::string>{"a, b = c", "--x", ""});
  REQUIRE(arguments.options.size() == 4);
  CHECK(arguments.options[2] == std::string("chat.yaml"));
  CHECK(arguments.options[3] == std::string("top_k=3"));
}

TEST_CASE("a --prompt without text is refused") {
  const char* words[] = {"chat.yaml", "--prompt"};
  CHECK_THROWS_WITH_AS(split_arguments(words), "--prompt has no text after it", lmf::Error);
}
