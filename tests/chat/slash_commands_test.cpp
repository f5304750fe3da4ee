// The commands of a conversation at a terminal.
#include <doctest/doctest.h>
#include <nlohmann/json.hpp>
#include <sys/stat.h>

#include "base/files.hpp"
#include "chat/program.hpp"
#include "chat/speaking_model.hpp"
#include "commands.hpp"
#include "model/gptq_checkpoint.hpp"
#include "support/places.hpp"

using namespace lmf::test;
using lmf::chat::slash_command;

namespace {

/// A conversation with a model that always says the same.
struct Talk {
  TemporaryFolder folder;
  std::string answer = "Peru is in South America.";
  std::optional<TerminalProgram> program;

  explicit Talk(std::vector<std::string> options = {}, bool endless = false) {
    write_speaking_model(folder.path() / "model", answer, endless);
    start(options);
  }
  /// With whatever is in the folder "model" of `place`.
  Talk(const TemporaryFolder& place, std::vector<std::string> options) {
    std::filesystem::create_directory_symlink(place.path() / "model", folder.path() / "model");
    start(options);
  }
  void start(const std::vector<std::string>& options) {
    std::vector<std::string> command = {executable(),  "chat",       "--model_name_or_path",
                                        file("model"), "--template", "chatml"};
    command.insert(command.end(), options.begin(), options.end());
    program.emplace(command, std::vector<std::pair<std::string, std::string>>{
                                 {"XDG_STATE_HOME", folder.path()}, {"EDITOR", file("editor")}, {"VISUAL", ""}});
    REQUIRE(program->shows("User: "));
  }
  std::string file(const char* name) const { return folder.path() / name; }
  bool shows(const std::string& text) { return program->shows(text); }
  void type(const std::string& line) { program->type(line + "\n"); }
  void ask(const std::string& question) {
    type(question);
    REQUIRE(shows("Assistant: " + answer));
    REQUIRE(shows("User: "));
  }
  nlohmann::json saved(const std::string& name) {
    type("/save " + file(name.c_str()));
    REQUIRE(shows("written to"));
    return nlohmann::json::parse(lmf::read_file(file(name.c_str())))["messages"];
  }
};

}  // namespace

TEST_CASE("what is a command") {
  CHECK(slash_command("/help")->name == "help");
  CHECK(slash_command("/?")->name == "?");
  CHECK(slash_command("/set  temperature=0.5 ")->argument == "temperature=0.5");
  for (const char* message : {"help", " /help", "/etc/hosts", "/", "/ help", "/help\nme", "/Help", "1/2"})
    CHECK_FALSE(slash_command(message));
}

TEST_CASE("turns are answered anew, taken back, saved and loaded") {
  Talk talk;
  talk.ask("Where is Peru?");
  talk.type("/regen");
  CHECK(talk.shows("Assistant: " + talk.answer));
  talk.ask("And again?");
  CHECK(talk.saved("two.json").size() == 4);
  talk.type("/undo");
  CHECK(talk.shows("Forgotten: And again?"));
  const auto one = talk.saved("one.json");
  REQUIRE(one.size() == 2);
  CHECK(one[0]["content"] == "Where is Peru?");
  CHECK(one[1]["content"] == talk.answer);

  talk.type("/save " + talk.file("two.json"));
  CHECK(talk.shows("two.json exists already"));
  talk.type("/save " + talk.file("one.json"));  // its own
  CHECK(talk.shows("2 messages written"));
  talk.type("/clear");
  CHECK(talk.shows("forgotten"));
  talk.type("/regen");
  CHECK(talk.shows("there is no answer yet"));
  talk.type("/save " + talk.file("one.json"));  // that of the conversation before
  CHECK(talk.shows("one.json exists already"));
  talk.type("/load " + talk.file("two.json"));
  CHECK(talk.shows("4 messages read"));
  CHECK(talk.saved("two.json").size() == 4);
  talk.type("/load " + talk.file("none.json"));
  CHECK(talk.shows("none.json"));
  CHECK(talk.saved("two.json").size() == 4);  // as it was
  talk.type("/exit");
  CHECK(talk.program->status() == 0);
}

TEST_CASE("options and the system text are changed between two answers, judged as on the command line") {
  Talk talk({}, /*endless=*/true);
  talk.type("/set max_new_tokens=3");
  REQUIRE(talk.shows("User: "));
  talk.type("x");
  CHECK(talk.shows("Assistant: Peru is in\r\n"));
  talk.type("/set temperature=hot");
  CHECK(talk.shows("temperature is 'hot'"));
  talk.type("/set template=qwen");
  CHECK(talk.shows("template cannot be changed here"));
  talk.type("/set max_new_tokens");
  CHECK(talk.shows("has no '='"));
  talk.type("/system Be brief.");
  CHECK(talk.shows("System: Be brief."));
  talk.type("/show");
  CHECK(talk.shows("max_new_tokens       3"));
  CHECK(talk.shows("System: Be brief."));
  talk.type("/set temperature=0.5");
  REQUIRE(talk.shows("User: "));
  CHECK(talk.saved("s.json")[0]["role"] == "system");
  talk.type("/system none");
  CHECK(talk.shows("the template's"));
}

TEST_CASE("what /regen takes back is there still when nothing comes in its place") {
  Talk talk;
  talk.ask("Where is Peru?");
  talk.type("/set max_length=2");
  REQUIRE(talk.shows("User: "));
  talk.type("/set max_new_tokens=0");
  REQUIRE(talk.shows("User: "));
  talk.type("/regen");
  CHECK(talk.shows("max_length allows 2"));
  CHECK(talk.saved("t.json").size() == 2);
}

TEST_CASE("a file with more in it than a conversation is not replaced") {
  Talk talk;
  lmf::write_file_atomically(talk.file("own.json"), R"({"id": 7, "messages": []})");
  talk.type("/load " + talk.file("own.json"));
  CHECK(talk.shows("0 messages read"));
  talk.type("/save " + talk.file("own.json"));
  CHECK(talk.shows("own.json exists already"));
}

TEST_CASE("a GPTQ checkpoint answers, and is called one") {
  const TemporaryFolder place;
  const auto model = place.path() / "model";
  std::filesystem::create_directory(model);
  for (const char* file : {"config.json", "tokenizer.json", "tokenizer_config.json"})
    std::filesystem::copy_file(share() / "models/demo" / file, model / file);
  auto decoder = lmf::model::Decoder::random(lmf::model::DecoderSpec::read(model), 3);
  write_gptq_checkpoint(model, decoder, {.bits = 8, .group_size = 128});
  Talk talk(place, {"--max_new_tokens", "3"});
  talk.type("/model");
  CHECK(talk.shows("2 layers, stored as GPTQ of 8 bits; template chatml"));
  talk.type("Hello");
  CHECK(talk.shows("Assistant: "));
  CHECK(talk.shows("User: "));
}

TEST_CASE("statistics, the model, help, and what is no command") {
  Talk talk;
  talk.type("/stats");
  REQUIRE(talk.shows("User: "));
  talk.type("x");
  CHECK(talk.shows("tok/s"));
  CHECK(talk.shows("of the context used)"));
  talk.type("/stats");
  CHECK(talk.shows("No longer"));
  talk.type("/model");
  CHECK(talk.shows("LlamaForCausalLM"));
  talk.type("/?");
  CHECK(talk.shows("/regen"));
  talk.type("/regn");
  CHECK(talk.shows("there is no command /regn. Did you mean 'regen'?"));
}

TEST_CASE("a file is put in front of a message, and an editor changes the last one") {
  Talk talk;
  lmf::write_file_atomically(talk.file("notes.txt"), "Lima is its capital.\n");
  lmf::write_file_atomically(talk.file("editor"), "#!/bin/sh\nsed -i s/Chile/Peru/ \"$1\"\n");
  ::chmod(talk.file("editor").c_str(), 0700);
  talk.type("/read " + talk.file("notes.txt"));
  CHECK(talk.shows("20 bytes in front"));
  talk.ask("Where is Chile?");
  talk.type("/edit");
  CHECK(talk.shows("Where is Peru?"));
  CHECK(talk.shows("Assistant: " + talk.answer));
  const auto messages = talk.saved("t.json");
  REQUIRE(messages.size() == 2);
  CHECK(messages[0]["content"] == "Lima is its capital.\n\nWhere is Peru?");
}

TEST_CASE("what does not fit into the context is refused at once, and stands in the way of nothing") {
  Talk talk({"--max_length", "200", "--max_new_tokens", "0"});
  const std::string many(2000, 'x');
  lmf::write_file_atomically(talk.file("long.txt"), many);
  lmf::write_file_atomically(talk.file("long.json"),
                             nlohmann::json{{{"name", "f"}, {"description", many}, {"parameters", {}}}}.dump());
  talk.type("/read " + talk.file("long.txt"));
  CHECK(talk.shows("long.txt in front of a message, the conversation has"));
  CHECK(talk.shows("read a shorter file"));
  talk.type("/system " + many);
  CHECK(talk.shows("with this system text, the conversation has"));
  talk.type("/tools " + talk.file("long.json"));
  CHECK(talk.shows("with these tools, the conversation has"));
  talk.ask("Where is Peru?");
  const auto messages = talk.saved("t.json");
  REQUIRE(messages.size() == 2);  // no system text
  CHECK(messages[0]["content"] == "Where is Peru?");
}

TEST_CASE("what was read stays in front of a message that is refused, until it is dropped") {
  Talk talk({"--max_length", "200", "--max_new_tokens", "0"});
  lmf::write_file_atomically(talk.file("notes.txt"), "Lima is its capital.\n");
  const auto read = [&] {
    talk.type("/read " + talk.file("notes.txt"));
    REQUIRE(talk.shows("20 bytes in front"));
  };
  const std::string too_long(2000, 'x');
  read();
  talk.type("/show");
  CHECK(talk.shows("20 bytes of"));
  talk.type(too_long);
  CHECK(talk.shows("max_length allows 200"));
  CHECK(talk.shows("notes.txt still stands in front of the next message; /undo drops it"));
  talk.type("/undo");
  CHECK(talk.shows("No longer in front of the next message: "));
  talk.ask("Where is Peru?");
  read();
  talk.type("/clear");
  CHECK(talk.shows("forgotten, and what was read from"));
  talk.ask("And again?");
  read();
  talk.type(too_long);
  CHECK(talk.shows("still stands in front"));
  talk.ask("Where is Lima?");
  const auto messages = talk.saved("t.json");
  REQUIRE(messages.size() == 4);
  CHECK(messages[0]["content"] == "And again?");
  CHECK(messages[2]["content"] == "Lima is its capital.\n\nWhere is Lima?");
}

TEST_CASE("an answer goes to the terminal's clipboard") {
  Talk talk;
  talk.ask("x");
  talk.type("/copy");
  CHECK(talk.shows("\x1b]52;c;UGVydSBpcyBpbiBTb3V0aCBBbWVyaWNhLg==\a"));
}

TEST_CASE("--no-history keeps nothing that is typed") {
  Talk kept, secret({"--no-history"});
  kept.ask("remember");
  secret.ask("forget");
  CHECK(std::filesystem::exists(kept.folder.path() / "lmf/chat_history"));
  CHECK_FALSE(std::filesystem::exists(secret.folder.path() / "lmf/chat_history"));
}

TEST_CASE("--json prints an object for each answer; --system is the system text") {
  const TemporaryFolder folder;
  write_speaking_model(folder.path() / "model", "Peru is in South America.");
  const auto result = run_program({executable(), "chat", "--model_name_or_path", folder.path() / "model", "--template",
                                   "chatml", "--json", "--system", "Be brief.", "--prompt", "a", "--prompt=b"});
  CHECK(result.status == 0);
  std::istringstream lines(result.out);
  std::string line;
  int count = 0;
  while (std::getline(lines, line)) {
    const auto answer = nlohmann::json::parse(line);
    CHECK(answer["content"] == "Peru is in South America.");
    CHECK(answer["finish_reason"] == "stop");
    CHECK(answer["usage"]["completion_tokens"] > 3);
    ++count;
  }
  CHECK(count == 2);
}

TEST_CASE("JSON has escapes for what a terminal would obey in an answer, which a terminal does not get either") {
  const TemporaryFolder folder;
  const std::string answer = "Peru\x7f\u0085\u202e";
  write_speaking_model(folder.path() / "model", answer);
  std::vector<std::string> command = {
      executable(), "chat",  "--model_name_or_path", folder.path() / "model", "--template", "chatml", "--prompt",
      "a",          "--json"};
  const auto result = run_program(command);
  CHECK(result.status == 0);
  CHECK(result.out.find(R"("Peru\u007f\u0085\u202e")") != std::string::npos);
  CHECK(nlohmann::json::parse(result.out)["content"] == answer);
  command.pop_back();
  CHECK(run_program(command).out == answer + "\n");  // a program gets every byte
  TerminalProgram terminal(command);
  CHECK(terminal.shows("Peru␡\ufffd\ufffd\r\n"));
}
