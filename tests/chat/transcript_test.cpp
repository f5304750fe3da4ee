#include "transcript.hpp"

#include <doctest/doctest.h>

#include "base/files.hpp"
#include "lmf/error.hpp"
#include "support/places.hpp"

using lmf::chat::Transcript;
using lmf::text::Role;

TEST_CASE("a conversation that is saved and loaded is the same") {
  const lmf::test::TemporaryFolder folder;
  const auto file = folder.path() / "talk.json";
  const Transcript transcript{"Be brief.",
                              {{Role::user, "Where is \"Peru\"?\n"}, {Role::assistant, "Süd\u00adamerika"}}};
  transcript.save(file, false);
  const auto read = Transcript::load(file);
  CHECK(read.system == transcript.system);
  REQUIRE(read.turns.size() == 2);
  CHECK(read.turns[0].content == transcript.turns[0].content);
  CHECK(read.turns[1].role == Role::assistant);
  CHECK(read.turns[1].content == transcript.turns[1].content);

  CHECK_THROWS_WITH(transcript.save(file, false), (file.string() + " exists already").c_str());
  CHECK_NOTHROW(transcript.save(file, true));
}

TEST_CASE("what is no conversation is refused, naming file and message") {
  const auto refusal = [](const char* json) -> std::string {
    try {
      Transcript::from_json(json, "t.json");
    } catch (const lmf::Error& error) {
      return error.what();
    }
    return "";
  };
  CHECK(refusal("{}") == "t.json: no conversation: it has no list of messages");
  CHECK(refusal("[1]") == "t.json: message 1 has no text \"role\"");
  CHECK(refusal(R"([{"role": "user", "content": ["x"]}])") == "t.json: message 1 has no text \"content\"");
  CHECK(refusal(R"([{"role": "assistant", "content": "x"}])") ==
        "t.json: message 1 is of the assistant, expected one of the user");
  CHECK(refusal(R"({"messages": [{"role": "user", "content": "x"}]})") ==
        "t.json: message 1 is a question without an answer");
  CHECK(refusal("{").find("t.json:1:") == 0);
  CHECK(refusal("[]") == "");
}
