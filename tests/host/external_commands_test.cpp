// Programs named lmf-NAME on PATH are commands, after everything that lmf and its plugins know.
#include <doctest/doctest.h>

#include <csignal>

#include <sys/stat.h>

#include "host/support.hpp"

using lmf::test::contains;
using lmf::test::executable;
using lmf::test::Finished;
using lmf::test::PluginFolder;
using lmf::test::run_process;

namespace {

/// A folder on PATH.
class Programs {
 public:
  std::string text() const { return std::filesystem::canonical(folder_.path()).string(); }
  void add(const std::string& name, const std::string& script = "#!/bin/sh\nprintf '[%s]' \"$@\"\n") const {
    const auto file = folder_.path() / name;
    lmf::test::write_text(file, script);
    REQUIRE(::chmod(file.c_str(), 0755) == 0);
  }
  lmf::test::Variables path() const { return {{"PATH", text() + ":" + std::getenv("PATH")}}; }
  const std::filesystem::path& folder() const { return folder_.path(); }

 private:
  lmf::test::TemporaryFolder folder_;
};

}  // namespace

TEST_CASE("a program on PATH is a command with its own words, status and signals") {
  PluginFolder plugins;
  plugins.add_greet();
  Programs programs;
  programs.add("lmf-shout");
  programs.add("lmf-fail", "#!/bin/sh\nexit 42\n");
  programs.add("lmf-die", "#!/bin/sh\nkill -TERM $$\n");
  programs.add("lmf-back", "#!/bin/sh\nexec \"$LMF\" version\n");
  CHECK(plugins.lmf({"shout", "a b", "", "--help", "-V"}, programs.path()).out == "[a b][][--help][-V]");
  CHECK(plugins.lmf({"help", "shout"}, programs.path()).out == "[--help]");
  CHECK(plugins.lmf({"--help", "shout"}, programs.path()).out == "[--help]");
  CHECK(plugins.lmf({"fail"}, programs.path()).status == 42);
  CHECK(plugins.lmf({"die"}, programs.path()).status == 128 + SIGTERM);
  CHECK(plugins.lmf({"back"}, programs.path()).out == plugins.lmf({"version"}).out);
  CHECK(plugins.lmf({"shuot"}, programs.path()).err ==
        "lmf: 'shuot' is not a command. Did you mean 'shout'?\n  'lmf help' lists them\n");
  CHECK(contains(plugins.lmf({"plugin", "list"}, programs.path()).out,
                 "programs on PATH that are commands:\n  back (" + programs.text() + "/lmf-back)\n"));
  const std::string help = plugins.lmf({"help"}, programs.path()).out;
  CHECK(contains(help, "\nPrograms on PATH:\n  back  "));
  CHECK(contains(help, programs.text() + "/lmf-back\n"));
  CHECK(plugins.lmf({"__complete", "--", "bac"}, programs.path()).out == "back\t" + programs.text() + "/lmf-back\n");
  CHECK(plugins.lmf({"__complete", "--", "back", ""}, programs.path()).out == ":files\t\n");
  CHECK(contains(plugins.lmf({"help", "--json"}, programs.path()).out, "\"name\": \"back\""));
  CHECK(plugins.lmf({"help", "back", "--man"}, programs.path()).status == 2);
  CHECK(!contains(plugins.lmf({"help"}).out, "Programs on PATH"));
}

TEST_CASE("a program never takes a name that lmf or a plugin has, usable or not") {
  PluginFolder plugins;
  plugins.add_greet();
  plugins.add_manifest("broken");
  lmf::test::write_text(plugins.path() / "unreadable.lmf-plugin.toml", "[[[");
  Programs programs;
  for (const char* name :
       {"help", "version", "plugin", "completion", "train", "webui", "data", "greet", "hello", "broken", "unreadable"})
    programs.add(std::string("lmf-") + name, "#!/bin/sh\necho taken\n");
  const auto run = [&](const char* name) { return plugins.lmf({name}, programs.path()); };
  for (const char* name :
       {"help", "version", "plugin", "completion", "train", "webui", "data", "greet", "hello", "broken", "unreadable"})
    CHECK_MESSAGE(!contains(run(name).out, "taken"), name);
  CHECK(run("greet").out == "hello\n");
  CHECK(run("broken").status == 126);
  CHECK(run("unreadable").status == 126);
  const std::string list = plugins.lmf({"plugin", "list"}, programs.path()).out;
  CHECK(contains(list, "/lmf-greet): hidden by the command of acme.greet\n"));
  CHECK(contains(list, "/lmf-help): hidden by lmf's own command\n"));
  CHECK(contains(list, "/lmf-webui): hidden by a name that is kept for lmf's own plugins\n"));
}

TEST_CASE("only executables of absolute folders count, the first of a name, and none in safe mode") {
  Programs first, second;
  first.add("lmf-which", "#!/bin/sh\necho first\n");
  second.add("lmf-which", "#!/bin/sh\necho second\n");
  second.add("lmf-Odd", "#!/bin/sh\n");
  second.add("lmf-", "#!/bin/sh\n");
  lmf::test::write_text(second.folder() / "lmf-data-file", "");
  std::filesystem::create_directory(second.folder() / "lmf-folder");
  const std::string lmf = executable().string(), both = first.text() + ":" + second.text();
  CHECK(run_process({lmf, "which"}, {{"PATH", both + ":/usr/bin:/bin"}}).out == "first\n");
  CHECK(run_process({lmf, "which"}, {{"PATH", "::.:" + second.text()}}, first.folder()).out == "second\n");
  for (const std::string path : {".", "", ":", "bin:./"})
    CHECK(run_process({lmf, "which"}, {{"PATH", path}}, first.folder()).status == 127);
  for (const char* name : {"Odd", "", "data-file", "folder", "../lmf-which", "which/"})
    CHECK(run_process({lmf, name}, {{"PATH", both}}).status == 127);
  CHECK(run_process({lmf, "--safe-mode", "which"}, {{"PATH", both}}).status == 127);
  CHECK(run_process({lmf, "which"}, {{"PATH", both}, {"LMF_PLUGIN_ALLOW", "lmf.*"}}).status == 127);
  CHECK(!contains(run_process({lmf, "--safe-mode", "plugin", "list"}, {{"PATH", both}}).out, "which"));
}

TEST_CASE("a program that the system cannot run is a sentence") {
  Programs programs;
  programs.add("lmf-nowhere", "#!/no/such/interpreter\n");
  programs.add("lmf-bytes", "no program\n");
  const Finished nowhere = run_process({executable().string(), "nowhere"}, programs.path());
  CHECK(nowhere.status == 126);
  CHECK(nowhere.err ==
        "lmf: cannot run " + programs.text() +
            "/lmf-nowhere: No such file or directory\n  the interpreter of its first line, or its loader, "
            "is not there\n");
  const Finished bytes = run_process({executable().string(), "bytes"}, programs.path());
  CHECK(bytes.status == 126);
  CHECK(contains(bytes.err, "/lmf-bytes: Exec format error\n  a script's first line names its interpreter"));
}

TEST_CASE("a file on PATH that cannot be executed is no command, and the user hears why") {
  const PluginFolder plugins;
  Programs programs, further;
  programs.add("lmf-shout");
  REQUIRE(::chmod((programs.folder() / "lmf-shout").c_str(), 0644) == 0);
  const Finished finished = plugins.lmf({"shout"}, programs.path());
  CHECK(finished.status == 127);
  CHECK(
      lmf::test::replaced(finished.err, programs.text(), "$BIN") ==
      "lmf: 'shout' is not a command: $BIN/lmf-shout cannot be executed.\n  to make it one: chmod +x $BIN/lmf-shout\n");
  CHECK_FALSE(contains(plugins.lmf({"--safe-mode", "shout"}, programs.path()).err, "lmf-shout"));
  further.add("lmf-shout");
  CHECK(plugins.lmf({"shout", "a"}, {{"PATH", programs.text() + ":" + further.text()}}).out == "[a]");
}

TEST_CASE("a folder of PATH whose name has control characters makes no line of its own in help") {
  const PluginFolder plugins;
  Programs programs;
  const auto folder = programs.folder() / "two\nlines\x1b[2J";
  std::filesystem::create_directory(folder);
  programs.add("two\nlines\x1b[2J/lmf-shout");
  const lmf::test::Variables path = {{"PATH", folder.string() + ":" + std::getenv("PATH")}, {"COLUMNS", "110"}};
  for (const Finished& finished : {plugins.lmf({"help"}, path), plugins.lmf({"plugin", "list"}, path)}) {
    CHECK(contains(finished.out, "/two␊lines␛[2J/lmf-shout"));
    CHECK_FALSE(contains(finished.out, "\nlines"));
  }
}
