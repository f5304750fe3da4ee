// What `lmf __complete` answers to the shells. That the shells themselves make words of it: completion_shells_test.sh.
#include <doctest/doctest.h>

#include "host/support.hpp"

using lmf::test::contains;
using lmf::test::executable;
using lmf::test::PluginFolder;

namespace {

/// The answer to a line, whose last word is the one being written; without what words mean.
std::string answer(const PluginFolder& folder, std::vector<std::string> words) {
  words.insert(words.begin(), {"__complete", "--", "--plugin-dir", folder.text()});
  const lmf::test::Finished finished = lmf::test::run_process([&] {
    std::vector<std::string> command = {executable().string()};
    command.insert(command.end(), words.begin(), words.end());
    return command;
  }());
  CHECK(finished.status == 0);
  CHECK(finished.err.empty());
  std::string text;
  for (std::size_t begin = 0; begin < finished.out.size();) {
    const std::size_t end = finished.out.find('\n', begin);
    const std::string line = finished.out.substr(begin, end - begin);
    text += (line[0] == ':' ? lmf::test::replaced(line, "\t", "|") : line.substr(0, line.find('\t'))) + " ";
    begin = end + 1;
  }
  return text;
}

}  // namespace

TEST_CASE("commands and aliases are completed, full names once a dot is typed") {
  PluginFolder folder;
  folder.add_greet();
  CHECK(answer(folder, {"gre"}) == "greet ");
  CHECK(answer(folder, {"hel"}) == "hello help ");
  CHECK(answer(folder, {"acme"}).empty());
  CHECK(answer(folder, {"acme."}) == "acme.greet ");
  CHECK(answer(folder, {"xyzzy"}).empty());
  CHECK(contains(answer(folder, {""}), "greet "));
  CHECK_FALSE(contains(answer(folder, {""}), "__complete"));
  // What is installed a moment later is completed, what cannot be used is not.
  folder.add_manifest("grin");
  CHECK(answer(folder, {"gr"}) == "greet ");
  lmf::test::write_library(folder.path() / "liblmf-grin.so");
  CHECK(answer(folder, {"gr"}) == "greet grin ");
}

TEST_CASE("where a command is written a manifest's options do not matter, whatever they look like") {
  PluginFolder folder;
  const auto add = [&](const std::string& name, const std::string& more) {
    lmf::test::write_text(folder.path() / (name + ".lmf-plugin.toml"), lmf::test::manifest_text(name) + more);
    lmf::test::write_library(folder.path() / ("liblmf-" + name + ".so"));
  };
  const std::string command = "[[command]]\nname = \"zz-NAME\"\nsummary = \"x\"\n";
  const auto further = [&](const char* name) { return lmf::test::replaced(command, "NAME", name); };
  add("zz-plain", "[[command.option]]\nname = \"x\"\n" + further("after"));
  add("zz-array", "[[command.option]]\nname = \"x\"\nmatrix = [\n[1],\n[2]\n]\n" + further("array-after"));
  add("zz-text",
      "[[command.option]]\nname = \"x\"\nnote = \"\"\"\n" + further("none") + "[[command.option]]\n\"\"\"\n");
  add("zz-wrong", "[[command.option]]\nname = 7\n");
  CHECK(answer(folder, {"zz"}) == "zz-array zz-array-after zz-plain zz-after zz-text zz-wrong ");
  CHECK(contains(answer(folder, {""}), "zz-array zz-array-after zz-plain zz-after zz-text zz-wrong "));
  CHECK(folder.lmf({"zz-wrong"}).status == 126);  // with its reason
  CHECK(answer(folder, {"help", "zz-w"}).empty());
  add("zz-open", "aliases = [\n");  // wrong in itself
  CHECK_FALSE(contains(answer(folder, {"zz"}), "zz-open"));
}

TEST_CASE("the host's own words are completed") {
  const PluginFolder folder;
  CHECK(answer(folder, {"--p"}) == "--plugin-dir ");
  CHECK(answer(folder, {"--plugin-dir", ""}) == ":folders| ");
  CHECK(answer(folder, {"--plugin-dir=/"}) == ":folders|--plugin-dir= ");
  CHECK(answer(folder, {"--log-level", "w"}) == "warn ");
  CHECK(answer(folder, {"--log-level=d"}) == "--log-level=debug ");
  CHECK(answer(folder, {"--safe"}) == "--safe-mode ");
  CHECK(answer(folder, {"completion", ""}) == "bash zsh fish ");
  CHECK(answer(folder, {"completion", "bash", ""}).empty());
  CHECK(answer(folder, {"version", ""}).empty());
  CHECK(answer(folder, {"no-such-command", ""}).empty());
}

TEST_CASE("the words of `lmf plugin`, their options and names of plugins are completed") {
  PluginFolder folder;
  folder.add_greet();
  CHECK(contains(answer(folder, {"plugin", ""}), "list info doctor "));
  CHECK(answer(folder, {"plugin", "disa"}) == "disable ");
  CHECK(answer(folder, {"plugin", "list", ""}) == "--json ");
  CHECK(answer(folder, {"plugin", "info", "gre"}) == "greet ");
  CHECK(answer(folder, {"plugin", "info", "acme."}) == "acme.greet ");
  CHECK(answer(folder, {"plugin", "doctor", "greet", "--t"}) == "--timeout ");
  CHECK(answer(folder, {"plugin", "doctor", "--timeout", ""}).empty());
  CHECK(answer(folder, {"plugin", "new", "my", "--"}) == "--language --vendor --directory ");
  CHECK(answer(folder, {"plugin", "new", "my", "--language", ""}) == "c++ c rust ");
  CHECK(answer(folder, {"plugin", "new", "my", "--language", "r"}) == "rust ");
  CHECK(answer(folder, {"plugin", "new", "my", "--language=c"}) == "--language=c++ --language=c ");
  CHECK(answer(folder, {"plugin", "new", "my", "--directory", ""}) == ":folders| ");
  CHECK(answer(folder, {"plugin", "new", "my", "--directory=x"}) == ":folders|--directory= ");
  CHECK(answer(folder, {"plugin", "new", "gre"}).empty());  // a name that is none yet
}

TEST_CASE("options, keys and values of a command are completed from its manifest and table") {
  PluginFolder folder;
  folder.add_greet();
  CHECK(answer(folder, {"greet", "--"}) == "--loud --help --warmth --language --table_size ");
  CHECK(answer(folder, {"greet", "-"}) == "--loud -l --help -h --warmth --language --table_size ");
  CHECK(answer(folder, {"greet", "--table-"}) == "--table-size ");
  CHECK(answer(folder, {"greet", "lan"}) == "language= :files||*.greet ");
  CHECK(answer(folder, {"greet", ""}) == ":files||*.greet ");  // first the file, then what changes it
  CHECK(answer(folder, {"greet", "x.greet", ""}) == "warmth= language= table_size= :files||*.greet ");
  CHECK(answer(folder, {"greet", "language="}) == "language=en language=fr ");
  CHECK(answer(folder, {"greet", "--language=f"}) == "--language=fr ");
  CHECK(answer(folder, {"greet", "--language", ""}) == "en fr ");
  CHECK(answer(folder, {"greet", "dan"}) == ":files||*.greet ");  // refused, so not offered
  CHECK(answer(folder, {"greet", "unknown="}).empty());
  CHECK(answer(folder, {"hello", "lang"}) == answer(folder, {"greet", "lang"}));
  CHECK(answer(folder, {"acme.greet", "--l"}) == "--loud --language ");
}

TEST_CASE("help completes commands, and options of one") {
  PluginFolder folder;
  folder.add_greet();
  CHECK(answer(folder, {"help", "gr"}) == "greet ");
  CHECK(answer(folder, {"help", "--j"}) == "--json ");
  CHECK(answer(folder, {"help", "greet", "w"}) == "warmth ");
  CHECK(answer(folder, {"help", "greet", "--l"}) == "--loud ");
  CHECK(answer(folder, {"help", "greet", "dan"}) == "dance ");  // why it is refused can be asked
}

TEST_CASE("the commands of lmf complete files, templates and a program's own words") {
  const PluginFolder folder;
  CHECK(answer(folder, {"train", ""}) == ":files||*.yaml|*.yml|*.json|*.toml ");
  CHECK(answer(folder, {"train", "template=chat"}) == "template=chatml ");
  CHECK(answer(folder, {"train", "--template", "chat"}) == "chatml ");
  CHECK(answer(folder, {"train", "model_name_or_path=/"}) == ":files|model_name_or_path= ");
  CHECK(answer(folder, {"train", "dataset=a,b"}) == ":files|dataset=a, ");
  CHECK(answer(folder, {"train", "do_train="}) == "do_train=true do_train=false ");
  CHECK(answer(folder, {"train", "stage="}) == "stage=sft ");
  CHECK(answer(folder, {"run", "--rdzv-backend", ""}) == "static c10d ");
  CHECK(answer(folder, {"run", "--standalone", ""}) == ":files| ");
  CHECK(answer(folder, {"run", "program", "--stand"}) == ":files| ");
}

TEST_CASE("a name that would be a line of its own, or a command to the terminal, is left out") {
  PluginFolder folder;
  folder.add_greet();
  lmf::test::write_text(folder.path() / "gr\nrm -rf.lmf-plugin.toml", "");
  lmf::test::write_text(folder.path() / "gr\x1b[2J.lmf-plugin.toml", "");
  CHECK(answer(folder, {"plugin", "info", "gr"}) == "greet ");
}

TEST_CASE("a script for each shell, and a sentence for another") {
  const PluginFolder folder;
  for (const char* shell : {"bash", "zsh", "fish"}) {
    const auto script = folder.lmf({"completion", shell});
    CHECK(script.status == 0);
    CHECK(contains(script.out, "__complete"));
    CHECK(contains(script.out, "llamafactory-cli"));
  }
  CHECK(folder.lmf({"completion", "fihs"}).err ==
        "lmf: completion: expected one of bash, zsh and fish. Did you mean 'fish'?\n  see 'lmf help completion'\n");
  CHECK(folder.lmf({"completion"}).status == 2);
}
