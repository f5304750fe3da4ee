// plugins.toml: who gets a command, what is switched off, and what a wrong file does.
#include <doctest/doctest.h>

#include <sys/stat.h>

#include "base/host.hpp"
#include "host/catalogue.hpp"
#include "host/choices_edit.hpp"
#include "host/support.hpp"

using lmf::host::parse_plugin_choices;
using lmf::host::with_disabled;
using lmf::host::without_disabled;
using lmf::test::contains;
using lmf::test::Finished;
using lmf::test::manifest_text;
using lmf::test::PluginFolder;
using lmf::test::write_text;

namespace {

/// A home with a plugins.toml, and a folder of plugins.
class Home {
 public:
  Home() { std::filesystem::create_directory(config_.path() / "lmf"); }
  std::filesystem::path file() const { return std::filesystem::canonical(config_.path()) / "lmf/plugins.toml"; }
  void write(const std::string& text) const { write_text(file(), text); }
  std::string text() const { return lmf::test::file_bytes(file()); }
  Finished lmf(const std::vector<std::string>& words, lmf::test::Variables variables = {}) const {
    variables.emplace_back("XDG_CONFIG_HOME", std::filesystem::canonical(config_.path()).string());
    Finished finished = plugins.lmf(words, variables);
    for (std::string* text : {&finished.out, &finished.err}) {
      *text = lmf::test::replaced(*text, file().string(), "$FILE");
      *text = lmf::test::replaced(*text, plugins.text(), "$DIR");
    }
    return finished;
  }
  PluginFolder plugins;

 private:
  lmf::test::TemporaryFolder config_;
};

/// A second plugin for `command`, whose library is the one of "wave".
void add_rival(const PluginFolder& folder, const std::string& vendor, const std::string& name,
               const std::string& command) {
  write_text(folder.path() / (name + ".lmf-plugin.toml"), manifest_text(name, vendor, command));
  std::filesystem::copy_file(lmf::test::built_plugins() / "wave/liblmf-wave.so",
                             folder.path() / ("liblmf-" + name + ".so"));
}

std::string problem_of(const std::string& text) { return parse_plugin_choices(text, "f").problem; }

}  // namespace

TEST_CASE("a command goes to the plugin that the user chose, and to no other") {
  Home home;
  home.plugins.add_greet();
  add_rival(home.plugins, "bolt", "rival", "greet");
  const Finished tied = home.lmf({"greet"});
  CHECK(tied.status == 126);
  CHECK(
      tied.err ==
      "lmf: 'greet' is claimed by $DIR/greet.lmf-plugin.toml and $DIR/rival.lmf-plugin.toml. Say which: acme.greet or "
      "bolt.greet; or for good: [override] greet = \"acme.greet\" in $FILE.\n");
  CHECK(home.lmf({"acme.greet"}).out == "hello\n");
  home.write("[override]\ngreet = \"acme.greet\"\n");
  CHECK(home.lmf({"greet"}).out == "hello\n");
  CHECK(
      contains(home.lmf({"plugin", "list"}).out,
               "bolt.rival 1.0.0 (greet): shadowed\n  $DIR/liblmf-rival.so\n  'greet' of $DIR/rival.lmf-plugin.toml is "
               "hidden by $DIR/greet.lmf-plugin.toml, as $FILE:2 says. Run it as 'bolt.greet'.\n"));
  // The chosen one is broken (its library is another's): nobody takes its place.
  home.write("[override]\ngreet = \"bolt.rival\"\n");
  CHECK(contains(home.lmf({"greet"}).err, "says its name is 'wave'"));
  home.write("\n\n[override]\ngreet = \"bolt.gone\"\n");
  const Finished gone = home.lmf({"greet"});
  CHECK(gone.status == 126);
  CHECK(gone.err ==
        "lmf: $FILE:4 gives 'greet' to bolt.gone, which is not installed. Install it, or remove that line.\n");
  home.write("[override]\nwork = \"bolt.gone\"\n");
  CHECK(home.lmf({"work"}).status == 126);
  CHECK(home.lmf({"work"}).err ==
        "lmf: $FILE:2 gives 'work' to bolt.gone, which is not installed. Install it, or remove that line.\n");
  home.write("\n\n[override]\ngreet = \"bolt.gone\"\n");
  CHECK(home.lmf({"help"}).status == 0);
  CHECK(contains(home.lmf({"help"}).err, "lmf: $FILE:4 gives 'greet' to bolt.gone"));
  CHECK(home.lmf({"acme.greet"}).out == "hello\n");
  CHECK(home.lmf({"greet"}, {{"LMF_SAFE_MODE", "1"}}).status == 127);
}

TEST_CASE("a command of lmf's own goes to another vendor's plugin when the user says so") {
  Home home;
  home.plugins.add_manifest("trainer", "acme", "train");
  std::filesystem::copy_file(lmf::test::built_plugins() / "bad/liblmf-bad-status.so",
                             home.plugins.path() / "liblmf-trainer.so");
  CHECK(contains(home.lmf({"plugin", "list"}).out,
                 "reserved for lmf. Run it as 'acme.train', or write [override] train = \"acme.trainer\" in $FILE.\n"));
  home.write("[override]\ntrain = \"acme.trainer\"\n");
  CHECK(contains(home.lmf({"train"}).err, "liblmf-trainer.so says its name is 'bad-status'"));
  CHECK(contains(home.lmf({"help", "train"}).out, "lmf train: A command of acme.trainer"));
  CHECK(home.lmf({"lmf.train", "--help"}).status == 0);
  CHECK(home.lmf({"--safe-mode", "help", "train"}).err.find("acme") == std::string::npos);
}

TEST_CASE("a worker runs its launcher's library, whatever plugins.toml says of the command") {
  Home home;
  home.plugins.add_greet();
  add_rival(home.plugins, "bolt", "rival", "greet");
  home.write("[override]\ngreet = \"bolt.rival\"\n");
  CHECK(home.lmf({"acme.greet", "again", home.plugins.text()}).out == "hello [worker]\n");
  home.write("[override]\ngreet = \"acme.greet\"\n");
  CHECK(home.lmf({"greet", "again", home.plugins.text()}).out == "hello [worker]\n");
  home.write("[disable]\nplugins = [\"acme.greet\"]\n");  // meanwhile
  const std::string pin = lmf::pin_of((home.plugins.path() / "liblmf-greet.so").string());
  CHECK(home.lmf({"greet"}, {{"LMF_PLUGIN_PIN", pin}}).status == 126);
}

TEST_CASE("a plugin is switched off and on again, and the file says so") {
  Home home;
  home.plugins.add_greet();
  home.plugins.add_wave();
  CHECK(home.lmf({"plugin", "disable", "greet"}).out == "acme.greet is switched off in $FILE\n");
  CHECK(home.text() == "[disable]\nplugins = [\"acme.greet\"]\n");
  const Finished off = home.lmf({"greet"});
  CHECK(off.status == 126);
  CHECK(off.err == "lmf: acme.greet is switched off by $FILE:2. 'lmf plugin enable acme.greet' switches it on.\n");
  CHECK(home.lmf({"acme.greet"}).status == 126);
  CHECK(home.lmf({"hello"}).status == 126);
  CHECK(home.lmf({"wave"}).status == 0);
  const Finished list = home.lmf({"plugin", "list"});
  CHECK(contains(list.out, "acme.greet 1.2.3 (greet): disabled\n"));
  CHECK(list.status == 0);  // decided, not wrong
  CHECK(!contains(home.lmf({"help"}).out, "  greet "));
  CHECK(home.lmf({"help"}).err.empty());
  CHECK(home.lmf({"plugin", "disable", "acme.greet"}).out == "acme.greet is switched off already by $FILE:2\n");
  CHECK(home.lmf({"plugin", "disable", "wave"}).status == 0);
  CHECK(home.text() == "[disable]\nplugins = [\"acme.greet\", \"acme.wave\"]\n");
  CHECK(home.lmf({"plugin", "enable", "greet"}).out == "acme.greet is switched on in $FILE\n");
  CHECK(home.text() == "[disable]\nplugins = [\"acme.wave\"]\n");
  CHECK(home.lmf({"greet"}).out == "hello\n");
  CHECK(home.lmf({"plugin", "enable", "greet"}).out == "acme.greet is not switched off\n");

  home.write("[disable]\nplugins = [\"wave\", \"acme.long-gone\"]\n");  // of any vendor; and one that is not installed
  CHECK(home.lmf({"wave"}).status == 126);
  CHECK(home.lmf({"plugin", "enable", "acme.wave"}).status == 0);
  CHECK(home.lmf({"plugin", "enable", "acme.long-gone"}).status == 0);
  CHECK(home.text() == "[disable]\nplugins = []\n");
  const Finished unknown = home.lmf({"plugin", "disable", "acme.gret"});
  CHECK(unknown.status == 2);
  CHECK(unknown.err ==
        "lmf: 'acme.gret' is not a plugin. Did you mean 'acme.greet'?\n  'lmf plugin list' lists them\n");
  CHECK(home.lmf({"plugin", "enable", "grete"}).status == 2);
  CHECK(home.lmf({"plugin", "disable"}).status == 2);
}

TEST_CASE("what is switched off where others can write is said not to count") {
  Home home;
  home.plugins.add_greet();
  ::chmod(home.file().parent_path().c_str(), 0777);
  const Finished off = home.lmf({"plugin", "disable", "greet"});
  CHECK(off.status == 1);
  CHECK(contains(off.err, "can be written by everybody"));
  CHECK(contains(off.err, "\n  it is written, and counts when that is mended\n"));
  ::chmod(home.file().parent_path().c_str(), 0755);
  CHECK(home.lmf({"greet"}).status == 126);
}

TEST_CASE("switching off settles who has a command") {
  Home home;
  home.plugins.add_greet();
  add_rival(home.plugins, "bolt", "rival", "greet");
  CHECK(home.lmf({"greet"}).status == 126);
  CHECK(home.lmf({"plugin", "disable", "bolt.rival"}).status == 0);
  CHECK(home.lmf({"greet"}).out == "hello\n");
}

TEST_CASE("plugins.toml is written where there is none, through a link, and for its user alone") {
  Home home;
  home.plugins.add_greet();
  lmf::test::TemporaryFolder other;
  const std::string config = (other.path() / "new").string();
  const lmf::test::Variables there = {{"XDG_CONFIG_HOME", config}};
  CHECK(home.plugins.lmf({"plugin", "disable", "greet"}, there).status == 0);
  CHECK(std::filesystem::is_regular_file(config + "/lmf/plugins.toml"));
  const auto real = std::filesystem::canonical(other.path()) / "dotfiles.toml";
  write_text(real, "# mine\n");
  REQUIRE(::chmod(real.c_str(), 0600) == 0);
  std::filesystem::create_symlink(real, home.file());
  CHECK(home.lmf({"plugin", "disable", "greet"}).status == 0);
  CHECK(std::filesystem::is_symlink(home.file()));
  CHECK(lmf::test::file_bytes(real) == "# mine\n\n[disable]\nplugins = [\"acme.greet\"]\n");
  const Finished safe = home.lmf({"plugin", "disable", "greet"}, {{"LMF_SAFE_MODE", "1"}});
  CHECK(safe.status == 2);
}

TEST_CASE("an edit keeps everything else as it was written") {
  CHECK(with_disabled("", "a.b") == "[disable]\nplugins = [\"a.b\"]\n");
  CHECK(with_disabled("[disable]\nplugins = []", "a.b") == "[disable]\nplugins = [\"a.b\"]");
  CHECK(with_disabled("[disable] # off\n# none\n", "a.b") == "[disable] # off\nplugins = [\"a.b\"]\n# none\n");
  CHECK(with_disabled("[disable]", "a.b") == "[disable]\nplugins = [\"a.b\"]\n");
  CHECK(with_disabled("# ü [disable]\ndisable.plugins = [\n  'c.d', # why\n]\n", "a.b") ==
        "# ü [disable]\ndisable.plugins = [\n  'c.d', \"a.b\", # why\n]\n");
  CHECK(with_disabled("x = \"ü\"\n[disable]\nfuture = 'é'\nplugins = ['ü', \"c.d\"] # ü\n[override]\nt = \"a.t\"\n",
                      "a.b") ==
        "x = \"ü\"\n[disable]\nfuture = 'é'\nplugins = ['ü', \"c.d\", \"a.b\"] # ü\n[override]\nt = \"a.t\"\n");
  CHECK(with_disabled("\xef\xbb\xbf"
                      "disable = {plugins = ['c.d']}",
                      "a.b") ==
        "\xef\xbb\xbf"
        "disable = {plugins = ['c.d', \"a.b\"]}");
  const std::string list = "[disable]\r\nplugins = [\"a.b\", \"c.d\",\"e.f\"]\r\n";
  CHECK(without_disabled(list, "a.b") == "[disable]\r\nplugins = [\"c.d\",\"e.f\"]\r\n");
  CHECK(without_disabled(list, "c.d") == "[disable]\r\nplugins = [\"a.b\", \"e.f\"]\r\n");
  CHECK(without_disabled(list, "e.f") == "[disable]\r\nplugins = [\"a.b\", \"c.d\"]\r\n");
  CHECK(without_disabled(list, "x.y") == list);
  CHECK(without_disabled("[disable]\nplugins = [\n  # two\n  \"a.b\",\n  \"c.d\", # kept\n]\n", "a.b") ==
        "[disable]\nplugins = [\n  # two\n  \"c.d\", # kept\n]\n");
  CHECK(without_disabled("disable = {plugins=['a.b']}", "a.b") == "disable = {plugins=[]}");
}

TEST_CASE("a file that cannot be edited safely is left alone, with what to write") {
  Home home;
  home.plugins.add_greet();
  home.plugins.add_wave();
  for (const std::string text : {"disable = {plugins = [\"\"\"acme.wave\"\"\"]}\n", "disable = {}\n",
                                 "[disable]\nplugins = [\"acme.w\\u0061ve\"]\n"}) {
    home.write(text);
    const Finished finished = home.lmf({"plugin", "disable", "greet"});
    if (finished.status == 0) {
      CHECK(home.lmf({"greet"}).status == 126);
      continue;
    }
    CHECK(home.text() == text);
    CHECK(contains(finished.err, "lmf: $FILE is not written in a way that lmf can change by itself\n"));
    CHECK(contains(finished.err, "\"acme.greet\"]\n"));
  }
}

TEST_CASE("what is wrong in plugins.toml is said with its place") {
  CHECK(problem_of("") == "");
  CHECK(problem_of("[override]\ntrain = 7\n") == "f:2:9: override.train is not a text");
  CHECK(problem_of("[override]\ntrain = \"acme\"\n") ==
        "f:2:9: override.train is 'acme': expected a plugin with its vendor, as \"acme.train\"");
  CHECK(problem_of("[override]\nhelp = \"acme.help\"\n") ==
        "f:2:8: override.help belongs to lmf itself: no plugin can have it");
  CHECK(problem_of("[override]\nTrain = \"acme.train\"\n") == "f:2:9: override.Train is no name of a command");
  CHECK(problem_of("[disable]\nplugins = \"acme.greet\"\n") == "f:2:11: disable.plugins is not a list of texts");
  CHECK(problem_of("[disable]\nplugins = [\"acme.greet\", \"*\"]\n") ==
        "f:2:11: disable.plugins has '*': expected names of plugins, as \"acme.greet\"");
  CHECK(problem_of("override = 3\n") == "f:1:12: override is not a table");
  CHECK(problem_of("[override\n").starts_with("f:1:10: "));
  CHECK(parse_plugin_choices("future = 1\n[disable]\nlater = 2\n", "f").notices ==
        std::vector<std::string>{"f:1: future does not count: this version does not know it.",
                                 "f:3: disable.later does not count: this version does not know it."});
  CHECK(parse_plugin_choices("[disable]\nplugin = [\"acme.greet\"]\n[overide]\nx = \"a.x\"\n", "f").notices ==
        std::vector<std::string>{
            "f:3: overide does not count: this version does not know it. Did you mean 'override'?",
            "f:2: disable.plugin does not count: this version does not know it. Did you mean 'plugins'?"});
}

TEST_CASE("a key of plugins.toml that nobody knows is said wherever plugins are looked at") {
  Home home;
  home.plugins.add_greet();
  home.write("\n[disabled]\nplugins = [\"acme.greet\"]\n");
  const std::string notice =
      "lmf: $FILE:2: disabled does not count: this version does not know it. Did you mean 'disable'?\n";
  for (const std::vector<std::string>& words :
       {std::vector<std::string>{"help"}, {"plugin", "list"}, {"plugin", "doctor"}})
    CHECK(home.lmf(words).err == notice);
  CHECK(contains(home.lmf({"plugin", "list", "--json"}).out, "$FILE:2: disabled does not count"));
  CHECK(home.lmf({"greet"}).err.empty());
}

TEST_CASE("a wrong plugins.toml stops what it may be about, and nothing else") {
  Home home;
  home.plugins.add_greet();
  home.plugins.add_wave();
  home.write("[disable]\nplugins = [\"acme.greet\"\n");
  const std::string problem = home.lmf({"help"}).err;
  CHECK(problem.starts_with("lmf: $FILE:2:25: "));
  CHECK(home.lmf({"help"}).status == 0);
  CHECK(home.lmf({"version"}).err.empty());
  for (const auto& help : std::vector<std::vector<std::string>>{{"help", "greet"}, {"greet", "--help"}})
    CHECK(home.lmf(help).status == 0);
  CHECK(home.lmf({"wave"}).status == 0);
  CHECK(!contains(home.lmf({"wave"}).err, "$FILE"));
  const Finished stopped = home.lmf({"greet"});
  CHECK(stopped.status == 126);
  CHECK(stopped.err ==
        problem + "  it may say something about 'greet': mend it, or go without it: lmf --safe-mode greet ...\n");
  CHECK(home.lmf({"plugin", "list"}).status == 1);
  CHECK(home.lmf({"plugin", "doctor", "--json"}).status == 1);
  const Finished off = home.lmf({"plugin", "disable", "wave"});
  CHECK(off.status == 1);
  CHECK(off.err == problem + "  mend it first\n");

  home.write("[override]\nx = \"\\q\"\n");  // an escape may spell anything
  CHECK(home.lmf({"wave"}).status == 126);
  home.write("# " + std::string(70000, 'x'));
  CHECK(home.lmf({"wave"}).status == 126);
  CHECK(contains(home.lmf({"wave"}).err, "at most 65536 are accepted"));
  std::filesystem::remove(home.file());
  std::filesystem::create_directory(home.file());
  CHECK(home.lmf({"wave"}).status == 126);
  CHECK(home.lmf({"help"}).status == 0);
  std::filesystem::remove(home.file());
  REQUIRE(::mkfifo(home.file().c_str(), 0600) == 0);
  CHECK(home.lmf({"wave"}).status == 126);
  std::filesystem::remove(home.file());
  home.write("[disable]\nplugins = [\"acme.wave\"]\n");
  REQUIRE(::chmod(home.file().c_str(), 0666) == 0);
  CHECK(home.lmf({"greet"}).out == "hello\n");
  CHECK(contains(home.lmf({"wave"}).err, "lmf: $FILE (mode 0666) can be written by everybody. Run: chmod o-w $FILE\n"));
}
