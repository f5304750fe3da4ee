// The host as a user calls it: routing, help, names, levels, places, pins.
#include <doctest/doctest.h>
#include <fmt/format.h>

#include <csignal>

#include <sys/stat.h>

#include "base/host.hpp"
#include "host/support.hpp"

using lmf::test::contains;
using lmf::test::executable;
using lmf::test::Finished;
using lmf::test::PluginFolder;
using lmf::test::replaced;
using lmf::test::run_process;

TEST_CASE("words after a command reach its plugin untouched") {
  PluginFolder folder;
  folder.add_greet();
  CHECK(folder.lmf({"greet"}).out == "hello\n");
  CHECK(folder.lmf({"greet", "--plugin-dir", "-V", "a b", "", "ü"}).out == "hello [--plugin-dir] [-V] [a b] [] [ü]\n");
  CHECK(folder.lmf({"greet", "--", "--help"}).out == "hello [--] [--help]\n");
  CHECK(folder.lmf({"hello", "x"}).out == "hello [x]\n");       // an alias
  CHECK(folder.lmf({"acme.greet", "x"}).out == "hello [x]\n");  // the qualified name
  CHECK(folder.lmf({"other.greet"}).status == 127);
}

TEST_CASE("a plugin's exit status is the program's, also with threads still running") {
  PluginFolder folder;
  folder.add_greet();
  for (const int status : {0, 1, 2, 3, 125, 255})
    CHECK(folder.lmf({"greet", "fail", std::to_string(status)}).status == status);
  CHECK(folder.lmf({"greet", "threads"}).status == 3);
  folder.add_bad("at-exit");
  CHECK(folder.lmf({"bad-at-exit"}).status == 0);
  CHECK(folder.lmf({"bad-at-exit"}).err.empty());
}

TEST_CASE("a plugin's exception arrives as one message and a status") {
  PluginFolder folder;
  folder.add_greet();
  const Finished usage = folder.lmf({"greet", "fail", "usage"});
  CHECK(usage.status == 2);
  CHECK(usage.err == "lmf greet: greet.toml:3: name is 7, expected a text\n  try `greet Ada`\n");
  const Finished system = folder.lmf({"greet", "fail", "system"});
  CHECK(system.status == 1);
  CHECK(system.err == "lmf greet: writing: No space left on device\n");
  const Finished internal = folder.lmf({"greet", "fail", "internal"});
  CHECK(internal.status == 70);
  CHECK(contains(internal.err, "lmf greet: internal error: the invariant broke\n  in the plugin acme.greet 1.2.3 ("));
  CHECK(contains(internal.err, "built with cxx="));
  CHECK(folder.lmf({"greet", "fail", "unknown"}).status == 70);
  const Finished longest = folder.lmf({"greet", "fail", "long"});  // cut, not overrun
  CHECK(longest.status == 1);
  CHECK(longest.err.size() == std::string("lmf greet: \n").size() + 64 * 1024 - 1);
}

TEST_CASE("a plugin written in C works as one in C++") {
  PluginFolder folder;
  folder.add_wave();
  const Finished waved = folder.lmf({"wave"});
  CHECK(waved.status == 0);
  CHECK(waved.out == "wave from C\n");
  CHECK(contains(waved.err, "waving"));
  CHECK(folder.lmf({"wave", "you"}).err.ends_with("lmf wave: cannot wave at you\n"));
}

TEST_CASE("the host tells a plugin where everything is") {
  PluginFolder folder;
  folder.add_greet();
  const std::string out = folder.lmf({"--log-level", "error", "greet", "host"}).out;
  CHECK(contains(out, "size 88 abi 1.0 level 4 version " LMF_VERSION " program lmf\n"));
  CHECK(contains(out, "executable " + std::filesystem::canonical(executable()).string() + "\n"));
  CHECK(contains(out, "library " + folder.text() + "/liblmf-greet.so\n"));
  CHECK(contains(
      out,
      "share " + (std::filesystem::canonical(executable()).parent_path().parent_path() / "share/lmf").string() + "\n"));
  CHECK(contains(out, "\nfolder " + folder.text() + "\nfolder "));
}

TEST_CASE("a command gets the variables of its manifest, unless the user has chosen") {
  PluginFolder folder;
  folder.add_greet();
  CHECK(folder.lmf({"greet", "mood"}).out == "calm\n");
  CHECK(folder.lmf({"greet", "mood"}, {{"LMF_TEST_MOOD", "wild"}}).out == "wild\n");
  CHECK(folder.lmf({"greet", "mood"}, {{"LMF_TEST_RUSH", "1"}}).out == "none\n");
}

TEST_CASE("messages use the name that the program was called by") {
  PluginFolder folder;
  folder.add_greet();
  const std::string link = (executable().parent_path() / "llamafactory-cli").string();
  CHECK(run_process({link, "trian"}).err.starts_with("llamafactory-cli: 'trian' is not a command."));
  CHECK(run_process({link, "--plugin-dir", folder.text(), "greet", "fail", "usage"})
            .err.starts_with("llamafactory-cli greet: "));
  CHECK(contains(run_process({link, "help"}).out, "Usage: llamafactory-cli [OPTIONS] COMMAND"));
  CHECK(run_process({link, "version"}).out == run_process({executable().string(), "version"}).out);
}

TEST_CASE("unknown commands and options get a suggestion and never success") {
  PluginFolder folder;
  folder.add_greet();
  const auto says = [&](const std::vector<std::string>& words, int status, const std::string& message) {
    const Finished finished = folder.lmf(words);
    CHECK(finished.status == status);
    CHECK(finished.err == message);
    CHECK(finished.out.empty());
  };
  says({"gret"}, 127, "lmf: 'gret' is not a command. Did you mean 'greet'?\n  'lmf help' lists them\n");
  says({"help", "gret"}, 127, "lmf: 'gret' is not a command. Did you mean 'greet'?\n  'lmf help' lists them\n");
  says({"web-chat"}, 127,
       "lmf: 'web-chat' is not a command. Did you mean 'webchat'? It is not part of this version.\n  'lmf help' lists "
       "them\n");
  says({"acme.gret"}, 127, "lmf: 'acme.gret' is not a command. Did you mean 'acme.greet'?\n  'lmf help' lists them\n");
  says({"help", "amce.greet"}, 127,
       "lmf: 'amce.greet' is not a command. Did you mean 'acme.greet'?\n  'lmf help' lists them\n");
  says({"xyzzy"}, 127, "lmf: 'xyzzy' is not a command.\n  'lmf help' lists them\n");
  says({""}, 127, "lmf: '' is not a command.\n  'lmf help' lists them\n");
  says({"webui"}, 127, "lmf: 'webui' is not part of this version.\n");
  says({"--plugin-dri=x", "greet"}, 2, "lmf: '--plugin-dri=x' is not an option. Did you mean '--plugin-dir'?\n");
  says({"-x"}, 2, "lmf: '-x' is not an option.\n  see 'lmf help'\n");
  says({"--plugin-dir"}, 2, "lmf: --plugin-dir needs a value\n");
  says({"--plugin-dir", "/no/such/folder", "greet"}, 2,
       "lmf: --plugin-dir '/no/such/folder' is no folder to look in: No such file or directory\n");
  says({"--plugin-dir", "/dev/null", "greet"}, 2,
       "lmf: --plugin-dir '/dev/null' is no folder to look in: Not a directory\n");
  says({"--plugin-dir=", "greet"}, 2, "lmf: --plugin-dir needs the name of a folder\n");
  says({"--log-level", "wran", "greet"}, 2,
       "lmf: --log-level 'wran' is unknown: expected trace, debug, info, warn, error or off. Did you mean 'warn'?\n");
  says({"version", "now"}, 2, "lmf: version: 'now' is one word too many\n  see 'lmf help'\n");
  says({"GREET"}, 127, "lmf: 'GREET' is not a command. Did you mean 'greet'?\n  'lmf help' lists them\n");
  says({"help", "--hlep"}, 2, "lmf: help: '--hlep' is not an option. Did you mean '--help'?\n  see 'lmf help'\n");
  says({"help", "greet", "now", "then"}, 2, "lmf: help: 'then' is one word too many\n  see 'lmf help'\n");
  says({"plugin"}, 2,
       "lmf: plugin: expected a word: list, info, doctor, disable, enable, new\n  see 'lmf help plugin'\n");
  says({"plugin", "lits"}, 2,
       "lmf: plugin: 'lits' is none of list, info, doctor, disable, enable, new. Did you mean 'list'?\n  see 'lmf help "
       "plugin'\n");
  says({"plugin", "list", "--jsno"}, 2,
       "lmf: plugin list: '--jsno' is not an option. Did you mean '--json'?\n  see 'lmf help plugin'\n");
  says({"plugin", "list", "x"}, 2, "lmf: plugin list: 'x' is one word too many\n  see 'lmf help plugin'\n");
  for (const char* later : {"data", "template"}) {
    says({later}, 127, fmt::format("lmf: '{}' is not part of this version.\n", later));
    says({"help", later}, 127, fmt::format("lmf: '{}' is not part of this version.\n", later));
  }
}

TEST_CASE("the log level is chosen by option, then by LLAMAFACTORY_VERBOSITY") {
  PluginFolder folder;
  folder.add_greet();
  const auto seen = [&](std::vector<std::string> words, const lmf::test::Variables& environment) {
    words.insert(words.end(), {"greet", "log"});
    const std::string err = folder.lmf(words, environment).err;
    return std::string(contains(err, "a debug message") ? "d" : "") + (contains(err, "an info message") ? "i" : "") +
           (contains(err, "a warning") ? "w" : "");
  };
  CHECK(seen({}, {}) == "iw");
  CHECK(seen({"--log-level", "debug"}, {}) == "diw");
  CHECK(seen({"--log-level=off"}, {}) == "");
  CHECK(seen({}, {{"LLAMAFACTORY_VERBOSITY", "DEBUG"}}) == "diw");
  CHECK(seen({}, {{"LLAMAFACTORY_VERBOSITY", "WARNING"}}) == "w");
  CHECK(seen({"--log-level", "error"}, {{"LLAMAFACTORY_VERBOSITY", "DEBUG"}}) == "");
  const Finished odd = folder.lmf({"greet", "log"}, {{"LLAMAFACTORY_VERBOSITY", "loud"}});
  CHECK(contains(odd.err, "LLAMAFACTORY_VERBOSITY is 'loud', which is no log level; using info"));
  CHECK(odd.status == 0);
  CHECK(contains(folder.lmf({"greet", "log"}, {{"RANK", "3"}, {"WORLD_SIZE", "4"}}).err, "[rank 3] a warning"));
}

TEST_CASE("plugins are found in the order of the places, and never in the current folder") {
  PluginFolder folder, other;
  folder.add_greet();
  const std::string lmf = executable().string();
  CHECK(run_process({lmf, "greet"}, {{"LMF_PLUGIN_PATH", folder.text()}}).out == "hello\n");
  CHECK(run_process({lmf, "greet"}, {}, folder.path()).status == 127);
  const Finished relative = run_process({lmf, "help"}, {{"LMF_PLUGIN_PATH", "./x::" + folder.text()}});
  CHECK(contains(relative.out, "  greet "));
  CHECK(relative.err ==
        "lmf: LMF_PLUGIN_PATH: './x' is not an absolute path and is skipped\n"
        "lmf: LMF_PLUGIN_PATH: '' is not an absolute path and is skipped\n");
  // The first one wins also when it is broken, and the other is shown as shadowed.
  other.add_manifest("greet");
  const Finished broken =
      run_process({lmf, "--plugin-dir", other.text(), "greet"}, {{"LMF_PLUGIN_PATH", folder.text()}});
  CHECK(broken.status == 126);
  CHECK(contains(broken.err, "which is not there"));
  CHECK(contains(
      run_process({lmf, "--plugin-dir", other.text(), "plugin", "list"}, {{"LMF_PLUGIN_PATH", folder.text()}}).out,
      "acme.greet 1.2.3 (greet): shadowed\n"));
  lmf::test::write_text(other.path() / "greet.lmf-plugin.toml", "schema = 2\n");
  const Finished unreadable =
      run_process({lmf, "--plugin-dir", other.text(), "greet"}, {{"LMF_PLUGIN_PATH", folder.text()}});
  CHECK(unreadable.status == 126);
  CHECK(contains(unreadable.err, "is of schema 2"));
}

TEST_CASE("the user's own folder is found through XDG_DATA_HOME") {
  lmf::test::TemporaryFolder data;
  std::string architecture;
  for (const auto& word : {"x86_64-linux-gnu", "aarch64-linux-gnu", "x86_64-linux", "aarch64-linux"}) {
    const auto folder = data.path() / "lmf/plugins-1" / word;
    std::filesystem::create_directories(folder);
    for (const auto& entry : std::filesystem::directory_iterator(lmf::test::built_plugins() / "greet"))
      std::filesystem::copy(entry.path(), folder / entry.path().filename());
  }
  CHECK(run_process({executable().string(), "greet"}, {{"XDG_DATA_HOME", data.path().string()}}).out == "hello\n");
  CHECK(run_process({executable().string(), "greet"}, {{"XDG_DATA_HOME", "relative"}, {"HOME", data.path().string()}})
            .status == 127);
}

TEST_CASE("a host that a plugin runs again gets the same library or stops with a sentence") {
  PluginFolder folder, other;
  folder.add_greet();
  other.add_greet();
  const Finished same = folder.lmf({"greet", "again", folder.text()});
  CHECK(same.status == 0);
  CHECK(same.out == "hello [worker]\n");  // and the pin does not leak to what the worker starts
  const Finished elsewhere = folder.lmf({"greet", "again", other.text()});
  CHECK(elsewhere.status == 126);
  CHECK(contains(folder.errors(elsewhere),
                 "lmf: this job runs $DIR/liblmf-greet.so, but here its command leads to " + other.text()));
  const std::string library = (folder.path() / "liblmf-greet.so").string(), pin = lmf::pin_of(library);
  CHECK(folder.lmf({"greet"}, {{"LMF_PLUGIN_PIN", pin}}).out == "hello\n");
  std::filesystem::last_write_time(library, std::filesystem::file_time_type::clock::now() + std::chrono::seconds(5));
  const Finished changed = folder.lmf({"greet"}, {{"LMF_PLUGIN_PIN", pin}});
  CHECK(changed.status == 126);
  CHECK(folder.errors(changed) ==
        "lmf: $DIR/liblmf-greet.so changed since this job was started: its workers would run different code\n"
        "  start the job again\n");
  CHECK(folder.lmf({"greet"}, {{"LMF_PLUGIN_PIN", "nonsense"}}).status == 126);
}

TEST_CASE("what a plugin has written to C++ streams is not lost when its command ends, however that ends") {
  PluginFolder folder;
  folder.add_greet();
  for (const auto& words : std::vector<std::vector<std::string>>{{"greet", "stream"}, {"greet", "stream", "usage"}}) {
    const Finished finished = folder.lmf(words);
    CHECK(finished.status == (words.size() == 2 ? 0 : 2));
    CHECK(finished.out == "a stream's line\na wide line\n");
    CHECK(finished.err.starts_with("a word of the log\n"));
  }
  const std::string command = executable().string() + " --plugin-dir " + folder.text() + " greet stream";
  const Finished full = run_process({"sh", "-c", command + " > /dev/full"});
  CHECK(full.status == 1);
  CHECK(contains(full.err, "cannot write to standard output: No space left on device\n"));
}

TEST_CASE("a full disk under standard output is a failure that is said") {
  const Finished full = run_process({"sh", "-c", executable().string() + " help > /dev/full"});
  CHECK(full.status == 1);
  CHECK(full.err == "lmf: cannot write to standard output: No space left on device\n");
  PluginFolder folder;
  folder.add_greet();
  const std::string greet = executable().string() + " --plugin-dir " + folder.text() + " greet";
  for (const std::string nowhere : {" >/dev/full", " >&-"}) {
    const Finished plugin = run_process({"sh", "-c", greet + nowhere});
    CHECK(plugin.status == 1);
    CHECK(plugin.err.starts_with("lmf greet: cannot write to standard output: "));
    CHECK(run_process({"sh", "-c", greet + " fail 3" + nowhere}).status == 3);
  }
}

TEST_CASE("commands that load nothing map no plugin and no libtorch") {
  PluginFolder folder;
  folder.add_greet();
  for (const auto& words : std::vector<std::vector<std::string>>{{"version"},
                                                                 {"help"},
                                                                 {"help", "greet"},
                                                                 {"greet", "--help"},
                                                                 {"help", "train"},
                                                                 {"help", "train", "lora_rank"},
                                                                 {"__complete", "--", "train", "lora"},
                                                                 {"plugin", "list"},
                                                                 {"trian"}}) {
    const Finished finished = folder.lmf(words, {{"LD_DEBUG", "files"}});  // the loader names every file it maps
    CHECK(contains(finished.err, "file=libstdc++.so"));
    CHECK_FALSE(contains(finished.err, "liblmf-greet.so"));
    CHECK_FALSE(contains(finished.err, "liblmf-train.so [0]"));
    CHECK_FALSE(contains(finished.err, "libtorch"));
  }
  CHECK(contains(folder.lmf({"greet"}, {{"LD_DEBUG", "files"}}).err, "liblmf-greet.so"));
}

TEST_CASE("checking a training configuration loads the train plugin, and no libtorch") {
  lmf::test::TemporaryFolder folder;
  lmf::test::write_text(folder.path() / "wrong.yaml", "stage: sft\nlerning_rate: 1.0\n");
  const std::string right = (lmf::test::share() / "examples/demo.yaml").string();
  const std::string model = "model_name_or_path=" + (lmf::test::share() / "models/demo").string();
  const std::string data = "dataset_dir=" + (lmf::test::share() / "data").string();
  for (const auto& [config, status] : {std::pair(right, 0), std::pair((folder.path() / "wrong.yaml").string(), 2)}) {
    const Finished finished =
        run_process({executable().string(), "train", "--check", config, model, data}, {{"LD_DEBUG", "files"}});
    CHECK(finished.status == status);
    CHECK(contains(finished.err, "liblmf-train.so"));
    CHECK_FALSE(contains(finished.err, "libtorch"));
    CHECK_FALSE(contains(finished.err, "liblmf-train-worker.so"));
  }
}

TEST_CASE("words, names and files of any bytes neither command the terminal nor flood it") {
  PluginFolder folder;
  CHECK(folder.lmf({"tr\x1b[31main"}).err.starts_with("lmf: 'tr␛[31main' is not a command."));
  CHECK(folder.lmf({std::string(100000, 'a')}).err.size() < 300);
  CHECK(folder.lmf({"--" + std::string(100000, 'a')}).err.size() < 300);
  CHECK(folder.lmf({"--"}).err == "lmf: '--' is not an option.\n  see 'lmf help'\n");
  lmf::test::write_text(folder.path() / "\xff\x1b[2J.lmf-plugin.toml", "");
  const Finished list = folder.lmf({"plugin", "list"});
  CHECK(list.status == 1);
  CHECK(!contains(list.out, "\x1b"));
  CHECK(contains(list.out, "\xff␛[2J: manifest\n"));
  CHECK(!contains(folder.lmf({"help"}).err, "\x1b"));
  CHECK(contains(folder.lmf({"plugin", "list", "--json"}).out, "\"name\": \"\xef\xbf\xbd\\u001b[2J\""));
}

TEST_CASE("no path begins a line of its own, whatever its name") {
  PluginFolder folder;
  const std::string forged = "a\nacme.forged 1.0.0 (forged): ok";
  lmf::test::write_text(folder.path() / (forged + ".lmf-plugin.toml"), "");
  lmf::test::write_text(folder.path() / "liblmf-b\nforged.so", "");
  const auto open = folder.path() / "c\nforged";  // with a manifest that everybody can write
  std::filesystem::create_directory(open);
  lmf::test::write_text(open / "open.lmf-plugin.toml", lmf::test::manifest_text("open"));
  lmf::test::write_text(open / "liblmf-open.so", "");
  REQUIRE(::chmod((open / "open.lmf-plugin.toml").c_str(), 0666) == 0);
  const auto run = [&](std::vector<std::string> words) {
    words.insert(words.begin(), {"--plugin-dir", open.string()});
    return folder.lmf(words);
  };
  for (const Finished& finished : {run({"plugin", "list"}), run({"plugin", "doctor"}), run({"plugin", "info", forged}),
                                   run({"help"}), run({"open"}), run({"plugin", "info", "open"}), run({forged})}) {
    const std::string text = finished.out + finished.err;
    CHECK(contains(text, "forged"));
    CHECK_MESSAGE(!contains(text, "\nforged"), text);
    CHECK_MESSAGE(!contains(text, "\nacme.forged"), text);
  }
  CHECK(contains(run({"plugin", "list"}).out, "a␊acme.forged 1.0.0 (forged): ok: manifest\n"));
  CHECK(contains(run({"open"}).err,
                 R"(Run: chmod o-w $')" + replaced(open.string(), "\n", R"(\012)") + "/open.lmf-plugin.toml'"));
}

TEST_CASE("what loads with difficulties is named on one line, too") {
  PluginFolder folder;
  const auto inner = folder.path() / "a\nb";
  std::filesystem::create_directory(inner);
  lmf::test::write_text(inner / "bad-segfault.lmf-plugin.toml", lmf::test::manifest_text("bad-segfault"));
  std::filesystem::copy_file(lmf::test::built_plugins() / "bad/liblmf-bad-segfault.so",
                             inner / "liblmf-bad-segfault.so");
  const Finished finished = folder.lmf({"--plugin-dir", inner.string(), "bad-segfault"});
  CHECK(finished.status == 128 + SIGSEGV);
  CHECK(contains(finished.err, "/a␊b/liblmf-bad-segfault.so"));
  CHECK_FALSE(contains(finished.err, "\nb/"));
}
