// `lmf chat` as scripts and people use it, with models that say what the test wants (speaking_model.hpp).
#include <doctest/doctest.h>

#include "chat/program.hpp"
#include "chat/speaking_model.hpp"
#include "support/places.hpp"

using namespace lmf::test;

namespace {

/// A folder with a model in it, and the command that asks it.
class Chat {
 public:
  explicit Chat(const std::string& words, bool endless = false) { write_speaking_model(model(), words, endless); }
  std::string model() const { return folder_.path() / "model"; }
  std::vector<std::string> command(std::vector<std::string> options = {}) const {
    std::vector<std::string> all = {executable(), "chat", "--model_name_or_path", model(), "--template", "chatml"};
    all.insert(all.end(), options.begin(), options.end());
    return all;
  }
  std::vector<std::pair<std::string, std::string>> environment() const { return {{"XDG_STATE_HOME", folder_.path()}}; }
  const std::filesystem::path& folder() const { return folder_.path(); }

 private:
  TemporaryFolder folder_;
};

}  // namespace

TEST_CASE("--prompt prints the answers, and nothing else, on standard output") {
  const Chat chat("The capital of France is Paris.");
  const auto result = run_program(chat.command({"--prompt", "What is it?", "--prompt", "And again?"}));
  CHECK(result.status == 0);
  CHECK(result.out == "The capital of France is Paris.\nThe capital of France is Paris.\n");
  CHECK(result.err == "");
}

TEST_CASE("each line of standard input is a message; `clear` and `exit` are words") {
  const Chat chat("Peru is in South America.");
  const auto result = run_program(chat.command(), "Where is Peru?\r\n\n  clear \nWhere?\nexit\nnever asked\n");
  CHECK(result.status == 0);
  CHECK(result.out == "Peru is in South America.\nPeru is in South America.\n");
  CHECK(run_program(chat.command(), "").out == "");
  CHECK(run_program(chat.command(), "no newline at the end").out == "Peru is in South America.\n");
}

TEST_CASE("what a model says cannot command the terminal, and reaches a file as it was said") {
  const Chat chat("Paris\x1b[31m\x07 is in");
  TerminalProgram asked(chat.command({"--prompt", "x"}), chat.environment());
  CHECK(asked.shows("Paris␛[31m␇ is in"));
  TerminalProgram conversation(chat.command(), chat.environment());
  REQUIRE(conversation.shows("User: "));
  conversation.type("x\n");
  CHECK(conversation.shows("Assistant: Paris␛[31m␇ is in"));
  for (const auto& result : {run_program(chat.command({"--prompt", "x"})), run_program(chat.command(), "x\n")})
    CHECK(result.out == "Paris\x1b[31m\x07 is in\n");
}

TEST_CASE("an answer ends at max_new_tokens, and the log says why") {
  const Chat chat("Peru is in South America.", /*endless=*/true);
  const auto result = run_program(chat.command({"--prompt", "x", "max_new_tokens=4"}));
  CHECK(result.status == 0);
  CHECK(result.out == "Peru is in South\n");
  CHECK(result.err.find("raise max_new_tokens") != std::string::npos);
}

TEST_CASE("a training file is accepted, with the model named beside it") {
  const Chat chat("The capital of France is Paris.");
  const auto demo = (share() / "examples/demo.yaml").string();
  const auto result = run_program({executable(), "chat", demo, "model_name_or_path=" + chat.model(), "--prompt", "x"});
  CHECK(result.status == 0);
  CHECK(result.out == "The capital of France is Paris.\n");
}

TEST_CASE("equal seeds give equal texts") {
  const Chat chat("Peru is in South America.", /*endless=*/true);
  const auto say = [&](const std::string& seed) {
    return run_program(chat.command({"--prompt", "x", "temperature=30", "top_k=0", "top_p=1", "max_new_tokens=30",
                                     "seed=" + seed}))
        .out;
  };
  const std::string first = say("1");
  CHECK(first.size() > 30);
  CHECK(say("1") == first);
  CHECK(say("2") != first);
}

TEST_CASE("wrong use is explained with the status of wrong use") {
  const Chat chat("Paris");
  const auto fails = [](const std::vector<std::string>& command, int status, const std::string& sentence) {
    const auto result = run_program(command, "hello\n");
    CAPTURE(result.err);
    CHECK(result.status == status);
    CHECK(result.out == "");
    CHECK(result.err.find(sentence) != std::string::npos);
  };
  fails({executable(), "chat"}, 2, "no model is named");
  fails(chat.command({"--temperatur", "0"}), 2, "temperature");
  fails(chat.command({"--top_p", "2"}), 2, "top_p");
  fails(chat.command({"--quantization_bit", "5"}), 2, "command line: quantization_bit is 5, expected 8 or 4");
  fails(chat.command({"--prompt"}), 2, "--prompt has no text after it");
  fails({executable(), "chat", "--model_name_or_path", chat.model(), "--template", "chatlm"}, 2, "chatml");
  fails({executable(), "chat", "--model_name_or_path", "/nowhere/at/all"}, 2, "/nowhere/at/all");
  fails(chat.command({"--adapter_name_or_path", "/nowhere/at/all"}), 2, "/nowhere/at/all");
  const auto adapter = chat.folder() / "lora,r=8";
  std::filesystem::create_directory(adapter);
  fails(chat.command({"--adapter_name_or_path", adapter}), 1, adapter.string() + " has no adapter_config.json");
}

TEST_CASE("a closed standard input or output is a failure, not another file") {
  const Chat chat("Paris");
  std::string command;
  for (const auto& word : chat.command()) command += "'" + word + "' ";
  const auto input = run_program({"/bin/sh", "-c", command + "<&-"});
  CHECK(input.status == 1);
  CHECK(input.err.find("standard input cannot be read: Bad file descriptor") != std::string::npos);
  const auto output = run_program({"/bin/sh", "-c", command + "--prompt x >&-"});
  CHECK(output.status == 1);
  CHECK(output.err.find("standard output: Bad file descriptor") != std::string::npos);
}

TEST_CASE("a reader that goes away ends the program quietly") {
  const Chat chat("Peru is in South America.", /*endless=*/true);
  std::string command = "exec 2>'" + (chat.folder() / "err").string() + "'; {";
  for (const auto& word : chat.command({"--prompt", "x", "max_new_tokens=100000"})) command += " '" + word + "'";
  command += "; echo $? >'" + (chat.folder() / "status").string() + "'; } | head -c 20 >'" +
             (chat.folder() / "out").string() + "'";
  CHECK(run_program({"/bin/sh", "-c", command}).status == 0);
  CHECK(lmf::read_file(chat.folder() / "out") == "Peru is in South Ame");
  CHECK(lmf::read_file(chat.folder() / "status") == "141\n");
  CHECK(lmf::read_file(chat.folder() / "err") == "");
}

TEST_CASE("at a terminal: messages of one and of several lines, `clear`, `exit`") {
  const Chat chat("The capital of France is Paris.");
  TerminalProgram program(chat.command(), chat.environment());
  REQUIRE(program.shows("User: "));
  program.type("What is the capital?\n");
  CHECK(program.shows("Assistant: The capital of France is Paris."));
  REQUIRE(program.shows("User: "));
  program.type("\"\"\"two\n");
  REQUIRE(program.shows("... "));
  program.type("lines\"\"\"\n");
  CHECK(program.shows("Assistant: The capital of France is Paris."));
  REQUIRE(program.shows("User: "));
  program.type("clear\n");
  CHECK(program.shows("The conversation is forgotten."));
  REQUIRE(program.shows("User: "));
  program.type("exit\n");
  CHECK(program.status() == 0);
}

TEST_CASE("at a terminal: Ctrl-C stops the answer, not the program; twice at the prompt, it ends") {
  const Chat chat("Peru is in South America.", /*endless=*/true);
  TerminalProgram program(chat.command({"max_new_tokens=900000"}), chat.environment());
  REQUIRE(program.shows("User: "));
  program.type("Go on and on\n");
  REQUIRE(program.shows("America.Peru"));
  program.type("\x03");
  REQUIRE(program.shows("User: "));
  program.type("More\n");
  REQUIRE(program.shows("America.Peru"));
  program.type("\x03");
  REQUIRE(program.shows("User: "));
  program.type("\x03");
  REQUIRE(program.shows("again ends"));
  REQUIRE(program.shows("User: "));
  program.type("\x03");
  CHECK(program.status() == 130);
}

TEST_CASE("a terminal that hangs up ends the program as SIGHUP does, during an answer and at the prompt") {
  const Chat chat("Peru is in South America.", /*endless=*/true);
  TerminalProgram answering(chat.command({"max_new_tokens=900000"}), chat.environment());
  REQUIRE(answering.shows("User: "));
  answering.type("Go on and on\n");
  REQUIRE(answering.shows("America.Peru"));
  answering.hang_up();
  CHECK(answering.status() == 129);

  TerminalProgram waiting(chat.command(), chat.environment());
  REQUIRE(waiting.shows("User: "));
  waiting.hang_up();
  CHECK(waiting.status() == 129);
}

TEST_CASE("SIGTERM ends the program during an answer and at the prompt, with its status") {
  const Chat chat("Peru is in South America.", /*endless=*/true);
  TerminalProgram answering(chat.command({"max_new_tokens=900000"}), chat.environment());
  REQUIRE(answering.shows("User: "));
  answering.type("Go on and on\n");
  REQUIRE(answering.shows("America.Peru"));
  answering.send(SIGTERM);
  CHECK(answering.status() == 143);

  TerminalProgram waiting(chat.command(), chat.environment());
  REQUIRE(waiting.shows("User: "));
  waiting.send(SIGTERM);
  CHECK(waiting.status() == 143);
}
