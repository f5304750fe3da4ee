// Help for people and for programs, the man page of a command, and what is said of a word that is none.
#include <sstream>

#include <doctest/doctest.h>
#include <nlohmann/json.hpp>

#include "host/command_options.hpp"
#include "host/find_command.hpp"
#include "host/option_words.hpp"
#include "host/support.hpp"
#include "host/text_layout.hpp"
#include "lmf/error.hpp"

using lmf::test::contains;
using lmf::test::executable;
using lmf::test::Finished;
using lmf::test::PluginFolder;
using lmf::test::run_process;

namespace {

nlohmann::json json_of(const PluginFolder& folder, const std::vector<std::string>& words) {
  const Finished finished = folder.lmf(words);
  CHECK(finished.status == 0);
  return nlohmann::json::parse(finished.out);
}

/// A catalogue of one folder.
lmf::host::Catalogue catalogue_of(const PluginFolder& folder) {
  return lmf::host::Catalogue({{folder.path(), lmf::host::Place::given, std::nullopt}}, {});
}

}  // namespace

TEST_CASE("help is the same text by every spelling, from files alone") {
  PluginFolder folder;
  folder.add_greet();
  const std::string text = folder.lmf({"help", "greet"}).out;
  CHECK(text ==
        "lmf greet: Greet somebody\n"
        "\n"
        "Usage: lmf greet [NAME]\n"
        "Also called: hello\n"
        "\n"
        "Options:\n"
        "  -l, --loud          Greet loudly.\n"
        "  -h, --help          Show this help\n"
        "\n"
        "Variables of the environment:\n"
        "  LMF_TEST_MOOD=MOOD  How the greeter feels. Default: calm.\n"
        "\n"
        "Manner:\n"
        "  warmth=NUMBER       How warmly to greet. Default: 0.5.\n"
        "  language=en|fr      Language of the greeting.\n"
        "  table_size=INTEGER  How many are greeted.\n"
        "\n"
        "Not in this version, refused when set:\n"
        "  dance\n"
        "\n"
        "Accepted without effect:\n"
        "  1 more of LLaMA-Factory's options; 'lmf help greet --man' has them with the\n"
        "  reasons.\n"
        "\n"
        "'lmf help greet OPTION' says more about one of them.\n");
  const std::string overall = folder.lmf({"help"}).out;
  for (const auto& words : std::vector<std::vector<std::string>>{{}, {"-h"}, {"--help"}})
    CHECK(folder.lmf(words).out == overall);
  CHECK(contains(overall, "\nGreetings:\n  greet "));
  CHECK(contains(overall, "Greet somebody (also: hello)\n"));
  CHECK(contains(overall, "\nNot in this version:\n"));
  // For one command the library does not matter: rubbish of the same name gives the same help.
  lmf::test::write_text(folder.path() / "liblmf-greet.so", "rubbish");
  for (const auto& words : std::vector<std::vector<std::string>>{{"greet", "--help"},
                                                                 {"greet", "-h"},
                                                                 {"greet", "Ada", "--help"},
                                                                 {"--help", "greet"},
                                                                 {"help", "hello"},
                                                                 {"help", "acme.greet"}})
    CHECK(folder.lmf(words).out == text);
  CHECK(contains(folder.lmf({"help", "version"}).out, "Usage: lmf version\n"));
}

TEST_CASE("help is as wide as COLUMNS says, and without colour off a terminal") {
  PluginFolder folder;
  folder.add_greet();
  const auto widest = [&](const std::string& columns) {
    const std::string text = folder.lmf({"help"}, {{"COLUMNS", columns}, {"TERM", "xterm"}}).out;
    CHECK_FALSE(contains(text, "\033"));
    std::size_t most = 0;
    for (std::size_t begin = 0; begin < text.size();) {
      const std::size_t end = text.find('\n', begin);
      most = std::max(most, end - begin);
      begin = end + 1;
    }
    return most;
  };
  CHECK(widest("60") <= 60);
  CHECK(widest("40") <= 40);
  CHECK(widest("100") > 80);
  CHECK(widest("100") <= 100);
  CHECK(widest("5") == widest("40"));
  CHECK(widest("1000") == widest("110"));
  CHECK(widest("no number") == widest("80"));
  CHECK(widest("") == widest("80"));
}

TEST_CASE("every page of help fits the narrowest width") {
  PluginFolder folder;
  folder.add_greet();
  const std::vector<std::vector<std::string>> pages = {
      {"help", "help"},  {"help", "version"}, {"help", "plugin"},          {"help", "completion"},
      {"help", "train"}, {"help", "greet"},   {"help", "greet", "warmth"}, {"help", "train", "stage"},
      {"help", "run"}};
  for (const auto& page : pages)
    for (const std::size_t columns : {40, 47, 60}) {
      const Finished finished = folder.lmf(page, {{"COLUMNS", std::to_string(columns)}});
      CHECK(finished.status == 0);
      std::istringstream lines(finished.out);
      for (std::string line; std::getline(lines, line);) CHECK_MESSAGE(lmf::host::characters(line) <= columns, line);
    }
}

TEST_CASE("one option is explained whole") {
  PluginFolder folder;
  folder.add_greet();
  const std::string warmth = folder.lmf({"help", "greet", "warmth"}).out;
  CHECK(warmth ==
        "warmth, an option of lmf greet\n"
        "\n"
        "How warmly to greet.\n"
        "\n"
        "  Type       number, 0 to 1\n"
        "  Default    0.5\n"
        "  Also       heat\n"
        "  Group      Manner\n"
        "  Status     supported\n"
        "  To set it  'warmth: VALUE' in the configuration file; warmth=VALUE or --warmth\n"
        "             VALUE on the command line\n");
  for (const char* spelling : {"heat", "--warmth", "--heat"})
    CHECK(folder.lmf({"help", "greet", spelling}).out == warmth);
  CHECK(contains(folder.lmf({"help", "greet", "dance"}).out, "not in this version, refused when set: not yet\n"));
  CHECK(contains(folder.lmf({"help", "greet", "hum"}).out, "accepted without effect: nobody listens\n"));
  CHECK(contains(folder.lmf({"help", "greet", "language"}).out,
                 "  Values     en, fr, de\n"
                 "  Group      Manner\n"
                 "  Status     supported: en, fr; other values are refused: no German yet\n"));
  CHECK(contains(folder.lmf({"help", "greet", "-l"}).out, "--loud, an option of lmf greet\n"));
  CHECK(contains(folder.lmf({"help", "greet", "LMF_TEST_MOOD"}).out, "LMF_TEST_MOOD=VALUE lmf greet ...\n"));
  const Finished unknown = folder.lmf({"help", "greet", "wramth"});
  CHECK(unknown.status == 2);
  CHECK(unknown.err ==
        "lmf: 'wramth' is not an option of greet. Did you mean 'warmth'?\n  'lmf help greet' lists them\n");
  CHECK(contains(folder.lmf({"help", "greet", "--lod"}).err, "Did you mean '--loud'?"));
  for (const char* word : {"lod", "lou"})  // also without the dashes
    CHECK(contains(folder.lmf({"help", "greet", word}).err, "Did you mean '--loud'?"));
  CHECK(contains(folder.lmf({"help", "greet", "--jsno"}).err, "Did you mean '--json'?"));
  CHECK(folder.lmf({"help", "greet", "xyzzy"}).err ==
        "lmf: 'xyzzy' is not an option of greet.\n  'lmf help greet' lists them\n");
  CHECK(folder.lmf({"help", "version", "now"}).status == 2);
  CHECK(folder.lmf({"help", "greet", "warmth", "now"}).err ==
        "lmf: help: 'now' is one word too many\n  see 'lmf help'\n");
}

TEST_CASE("help for programs has a number and every option") {
  PluginFolder folder;
  folder.add_greet();
  const auto all = json_of(folder, {"help", "--json"});
  CHECK(all.at("format") == 1);
  CHECK(all.at("commands")[0] == nlohmann::json{{"name", "greet"},
                                                {"aliases", {"hello"}},
                                                {"group", "Greetings"},
                                                {"summary", "Greet somebody"},
                                                {"usage", "greet [NAME]"},
                                                {"plugin", "acme.greet"},
                                                {"status", "ok"}});
  CHECK(all.at("not_installed")[0].contains("package"));
  const auto command = json_of(folder, {"help", "greet", "--json"}).at("command");
  CHECK(command.at("name") == "greet");
  std::string names;
  for (const auto& option : command.at("options"))
    names += option.at("name").get<std::string>() + ":" + option.at("form").get<std::string>() + ":" +
             option.at("state").get<std::string>() + " ";
  CHECK(names ==
        "loud:option:supported help:option:supported LMF_TEST_MOOD:variable:supported warmth:key:supported "
        "language:key:supported dance:key:refused hum:key:noted "
        "table_size:key:supported ");
  const auto option = json_of(folder, {"help", "--json", "greet", "language"}).at("option");
  CHECK(option.at("choices").size() == 3);
  CHECK(option.at("accepts") == nlohmann::json({"en", "fr"}));
  CHECK(option.at("reason") == "no German yet");
  CHECK(option.at("default").is_null());
  CHECK(json_of(folder, {"help", "greet", "warmth", "--json"}).at("option").at("max") == 1);
  CHECK(folder.lmf({"help", "--jsno"}).err ==
        "lmf: help: '--jsno' is not an option. Did you mean '--json'?\n"
        "  see 'lmf help'\n");
}

TEST_CASE("the man page of a command has what its help has") {
  const lmf::test::PluginFolder empty;
  const auto beside = executable().parent_path().parent_path() / "lib/lmf/plugins-1";
  const lmf::host::Catalogue catalogue({{std::filesystem::canonical(beside), lmf::host::Place::beside, {}}}, {});
  const lmf::host::Claim* train = catalogue.find("train");
  REQUIRE(train != nullptr);
  const std::string help = empty.lmf({"help", "train"}).out, page = empty.lmf({"help", "train", "--man"}).out;
  std::size_t shown = 0;
  for (const auto& option : lmf::host::options_of(*train)) {
    const std::string in_roff = lmf::test::replaced(lmf::host::option_name(option), "-", "\\-");
    CHECK_MESSAGE(contains(page, in_roff), option.name);
    if (option.state != lmf::host::OptionEntry::State::supported) continue;
    ++shown;
    CHECK_MESSAGE(contains(help, lmf::host::option_word(option)), option.name);
    CHECK_MESSAGE(contains(page, lmf::test::replaced(lmf::host::option_word(option), "-", "\\-")), option.name);
  }
  CHECK(shown > 50);
  CHECK(page.starts_with(".\\\" Made by"));
  CHECK(empty.lmf({"help", "--man"}).status == 2);
  CHECK(empty.lmf({"help", "train", "--man", "--json"}).status == 2);
}

TEST_CASE("what a manifest says cannot become a request of roff") {
  PluginFolder folder;
  lmf::test::write_text(folder.path() / "odd.lmf-plugin.toml", lmf::test::manifest_text("odd") +
                                                                   R"(usage = "\n.so /etc/passwd"
[[command.option]]
name = "x"
help = ".de \\fB \"q\" 'z"
)");
  CHECK(folder.lmf({"help", "odd", "--man"}).status == 126);  // a line break: the manifest is refused
  lmf::test::write_text(folder.path() / "odd.lmf-plugin.toml", lmf::test::manifest_text("odd") +
                                                                   R"([[command.option]]
name = "x"
help = ".de \\fB \"q\" 'z"
)");
  const std::string page = folder.lmf({"help", "odd", "--man"}).out;
  CHECK(contains(page, "\\&.de \\efB \"q\" \\(aqz\n"));
  CHECK_FALSE(contains(page, "\n.so"));
}

TEST_CASE("a wrong option table is a sentence with its place") {
  PluginFolder folder;
  folder.add_greet();
  lmf::test::write_text(folder.path() / "greet.options.toml", "[[option]]\nname = 3\n");
  const Finished help = folder.lmf({"help", "greet"});
  CHECK(help.status == 126);
  CHECK(folder.errors(help) ==
        "lmf: $DIR/greet.options.toml:2:8: option.name is not a text. Install the package 'acme-greet' again.\n");
  CHECK(folder.lmf({"greet"}).out == "hello\n");
}

TEST_CASE("a word that is no command gets what it may have meant, and the package of what is not there") {
  PluginFolder folder;
  folder.add_manifest("greet");
  folder.add_manifest("treat");
  const lmf::host::Catalogue catalogue = catalogue_of(folder);
  const auto says = [&](const char* word) -> std::string {
    try {
      lmf::host::Environment environment;
      environment.program_name = "lmf";
      lmf::host::find_command(catalogue, environment, word);
    } catch (const lmf::Error& error) {
      return error.what();
    }
    return "found";
  };
  CHECK(says("greet") == "found");
  CHECK(says("gerete") == "'gerete' is not a command. Did you mean 'greet'?");
  CHECK(says("trian") ==
        "'trian' is not a command. Did you mean 'train'? It is in the package 'lmf-train', which is not "
        "installed.");
  CHECK(says("trea") == "'trea' is not a command. Did you mean 'treat'?");
  CHECK(says("expor") ==
        "'expor' is not a command. Did you mean 'export'? It is in the package 'lmf-export', which is "
        "not installed.");
  CHECK(says("web-ui") == "'web-ui' is not a command. Did you mean 'webui'? It is not part of this version.");
  CHECK(says("web") ==
        "'web' is not a command. Did you mean 'webui' or 'webchat'? 'webui' is not part of this version. 'webchat' is "
        "not part of this version.");
  CHECK(says("acme.gret") == "'acme.gret' is not a command. Did you mean 'acme.greet'?");
  CHECK(says("amce.treat") == "'amce.treat' is not a command. Did you mean 'acme.treat'?");
  CHECK(says("acme.xyzzy") == "'acme.xyzzy' is not a command.");
  CHECK(says("xyzzy") == "'xyzzy' is not a command.");
  CHECK(says("train") == "'train' is not installed. It is in the package 'lmf-train'.");
  CHECK(says("webui") == "'webui' is not part of this version.");
  CHECK(says("completoin") == "'completoin' is not a command. Did you mean 'completion'?");
}
