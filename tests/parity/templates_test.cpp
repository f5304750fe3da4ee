// Templates against what the original renders and tokenises for one conversation, with the test models' tokenizer.
#include <doctest/doctest.h>

#include <fstream>

#include <nlohmann/json.hpp>

#include "parity/model_tokenizer.hpp"
#include "text/chat_template.hpp"

using namespace lmf;
using namespace lmf::text;

namespace {

const std::string kSystem = "Be brief.";

std::vector<Message> messages_of(const nlohmann::json& reference) {
  std::vector<Message> messages;
  for (const auto& each : reference.at("messages")) {
    messages.push_back({each.at("role") == "user" ? Role::user : Role::assistant, each.at("content")});
  }
  return messages;
}

}  // namespace

TEST_CASE("texts and ids equal the original's for every shipped template it has numbers for") {
  const auto reference = nlohmann::json::parse(std::ifstream(*test::shared_directory() / "parity/templates.json"));
  const auto messages = messages_of(reference);
  const test::ModelTokenizerFolder folder;
  int compared = 0;
  for (const auto& name : ChatTemplate::names(test::share())) {
    if (!reference.at("templates").contains(name)) continue;
    CAPTURE(name);
    const auto& expected = reference.at("templates").at(name);
    const auto chat_template = ChatTemplate::load(test::share(), name);
    Tokenizer tokenizer = Tokenizer::load(folder.path());
    chat_template.repair(tokenizer);
    CHECK(chat_template.default_system == expected.at("default_system").get<std::string>());
    CHECK(chat_template.efficient_eos == expected.at("efficient_eos").get<bool>());
    for (const auto& token : expected.at("added_vocab")) CHECK(tokenizer.token_id(token.get<std::string>()));
    for (const bool with_system : {false, true}) {
      const auto turns = chat_template.encode_turns(tokenizer, messages, with_system ? kSystem : "");
      const auto& texts = expected.at(with_system ? "sys" : "nosys");
      REQUIRE(turns.size() == texts.size());
      for (std::size_t i = 0; i < turns.size(); ++i) {
        CHECK(tokenizer.decode(turns[i].first) == texts[i][0].get<std::string>());
        CHECK(tokenizer.decode(turns[i].second) == texts[i][1].get<std::string>());
        if (!with_system || !expected.contains("ids_sys")) continue;
        CHECK(turns[i].first == expected.at("ids_sys")[i][0].get<std::vector<std::int32_t>>());
        CHECK(turns[i].second == expected.at("ids_sys")[i][1].get<std::vector<std::int32_t>>());
      }
    }
    ++compared;
  }
  MESSAGE(compared << " templates compared");
  CHECK(compared >= 6);
}
