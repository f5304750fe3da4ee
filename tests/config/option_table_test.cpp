#include <doctest/doctest.h>

#include <algorithm>
#include <set>

#include "config/check.hpp"
#include "config/scalar.hpp"
#include "lmf/error.hpp"
#include "support.hpp"

using namespace lmf;
using Type = config::OptionDescription::Type;
using State = config::OptionDescription::State;

namespace {

std::string failure_of(const std::string& toml, const std::string& end = "\n[end]\n") {
  test::TemporaryFolder folder;
  try {
    config::OptionTable::read(test::write_text(folder.path() / "t.toml", toml + end), "train");
    return {};
  } catch (const Error& failure) {
    CHECK(failure.exit_status() == kExitPluginUnusable);
    return std::string(failure.what()).substr(folder.path().string().size() + 1);
  }
}

}  // namespace

TEST_CASE("the shipped table: every default and every accepted value is a value of its option") {
  const auto table = test::shipped_table();
  CHECK(table.all().size() > 380);
  for (const auto& option : table.all()) {
    CAPTURE(option.name);
    const config::Options::Value value = config::default_of(option);
    CHECK(config::is_accepted(option, value));
    // What this version does in part is supported; help calls the refused ones "not in this version".
    if (option.state == State::refused) CHECK(option.accepts.size() <= 1);
    for (const std::string& accepted : option.accepts) {
      const auto conversion = config::convert(option, config::Node::scalar(accepted, true));
      CHECK(conversion.expected == "");
      CHECK(config::is_accepted(option, conversion.value));
    }
    for (const auto& [spelling, choice] : option.synonyms)
      CHECK(std::find(option.choices.begin(), option.choices.end(), choice) != option.choices.end());
    CHECK(option.help.ends_with("."));
    CHECK_FALSE(option.reason.ends_with("."));
    for (const std::string& command : option.commands)
      CHECK(std::set<std::string>{"train", "chat", "api", "export", "webui", "eval"}.count(command) == 1);
  }
}

TEST_CASE("the shipped table knows what LLaMA-Factory's users set most, with the original's defaults") {
  const auto table = test::shipped_table();
  const auto default_of = [&](const char* name) {
    REQUIRE_MESSAGE(table.find(name), name);
    return table.find(name)->default_value;
  };
  CHECK(default_of("stage") == "sft");
  CHECK(default_of("finetuning_type") == "lora");
  CHECK(default_of("lora_rank") == "8");
  CHECK(default_of("lora_alpha") == "");
  CHECK(default_of("cutoff_len") == "2048");
  CHECK(default_of("learning_rate") == "5e-5");
  CHECK(default_of("num_train_epochs") == "3.0");
  CHECK(default_of("lr_scheduler_type") == "linear");
  CHECK(default_of("temperature") == "0.95");
  CHECK(default_of("top_p") == "0.7");
  CHECK(default_of("ddp_timeout") == "1800");
  CHECK(table.find("evaluation_strategy") == table.find("eval_strategy"));
  CHECK(table.find("no_such_option") == nullptr);
}

TEST_CASE("a table with a mistake stops at its line: it is ours") {
  CHECK(failure_of("[[option]]\nname = \"a\"\n") == "t.toml:1: option 'a' has no group");
  const std::string a = "[[option]]\nname = \"a\"\ngroup = \"g\"\nhelp = \"h.\"\n";
  CHECK(failure_of(a + "type = \"int\"\n") == "t.toml:1: option 'a' has the unknown type 'int'");
  CHECK(failure_of(a + "type = \"flag\"\nstate = \"refused\"\n") == "t.toml:1: option 'a' needs a reason");
  CHECK(failure_of(a + "type = \"flag\"\nchoices = [1]\n") == "t.toml:1: option 'a' has choices that are not all text");
  CHECK(failure_of(a + "type = \"flag\"\n" + a + "type = \"flag\"\n") == "t.toml:6: option 'a' is described twice");
  CHECK(failure_of("[[option]\n").starts_with("t.toml:1: "));
  CHECK(failure_of("") == "t.toml has no option");
}

TEST_CASE("a table that is cut off is told from one that is whole") {
  const std::string option = "[[option]]\nname = \"a\"\ngroup = \"G\"\nhelp = \"H.\"\ntype = \"flag\"\n";
  CHECK(failure_of(option).empty());
  for (const std::string& rest : {std::string(), std::string("# Composed\n"), option})
    CHECK(failure_of(rest, "") == "t.toml is cut off: its last line, [end], is missing");
}

TEST_CASE("a limit may hold for some commands only") {
  test::TemporaryFolder folder;
  const auto file = test::write_text(folder.path() / "t.toml",
                                     "[[option]]\nname = \"x\"\ngroup = \"G\"\ntype = \"text\"\nhelp = \"H.\"\n"
                                     "accepts = [\"a\"]\nlimited_for = [\"chat\"]\nreason = \"R\"\n[end]\n");
  const auto is_accepted = [&](const std::string& command) {
    const auto table = config::OptionTable::read(file, command);
    return config::is_accepted(*table.find("x"),
                               config::convert(*table.find("x"), config::Node::scalar("b", true)).value);
  };
  CHECK_FALSE(is_accepted("chat"));
  CHECK(is_accepted("export"));
}
