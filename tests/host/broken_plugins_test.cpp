// What a user sees of each way a plugin can be broken, and that it harms nothing else.
#include <doctest/doctest.h>

#include <sys/stat.h>

#include "host/support.hpp"

using lmf::test::contains;
using lmf::test::Finished;
using lmf::test::PluginFolder;
using lmf::test::replaced;
using lmf::test::write_text;

namespace {

struct Case {
  std::string kind;
  int status;
  std::string message;  ///< all of standard error, with the folder as $DIR
};

const std::vector<Case>& built_cases() {
  static const std::vector<Case> cases = {
      {"symbol", 126,
       "lmf: acme.bad-symbol ($DIR/liblmf-bad-symbol.so): it has no lmf_plugin_query_v1: not an lmf plugin, or built "
       "without LMF_PLUGIN. Install the package 'acme-bad-symbol' again.\n"},
      {"magic", 126,
       "lmf: $DIR/liblmf-bad-magic.so: its lmf_plugin_query_v1 returns no lmf plugin (magic 0x7). Install the package "
       "'acme-bad-magic' again.\n"},
      {"abi-major", 126,
       "lmf: $DIR/liblmf-bad-abi-major.so needs plugin ABI 2.0, its manifest $DIR/bad-abi-major.lmf-plugin.toml says "
       "1.0; this lmf " LMF_VERSION " offers 1.0. Install the package 'acme-bad-abi-major' again.\n"},
      {"abi-minor", 126,
       "lmf: $DIR/liblmf-bad-abi-minor.so needs plugin ABI 1.9, its manifest $DIR/bad-abi-minor.lmf-plugin.toml says "
       "1.0; this lmf " LMF_VERSION " offers 1.0. Install the package 'acme-bad-abi-minor' again.\n"},
      {"size", 126,
       "lmf: $DIR/liblmf-bad-size.so: its descriptor has 20 bytes, ABI 1.0 has 56: not built with lmf/abi.h. Install "
       "the package 'acme-bad-size' again.\n"},
      {"name", 126,
       "lmf: $DIR/liblmf-bad-name.so says its name is 'somebody-else', its manifest $DIR/bad-name.lmf-plugin.toml says "
       "'bad-name'. Install the "
       "package 'acme-bad-name' again.\n"},
      {"version", 126,
       "lmf: $DIR/liblmf-bad-version.so says its version is '0.9.0', its manifest $DIR/bad-version.lmf-plugin.toml "
       "says '1.0.0'. Install the "
       "package 'acme-bad-version' again.\n"},
      {"manifest", 126,
       "lmf: $DIR/liblmf-bad-manifest.so was built with another manifest than $DIR/bad-manifest.lmf-plugin.toml: one "
       "of them was changed or "
       "upgraded alone. Install the package 'acme-bad-manifest' again.\n"},
      {"query", 126,
       "lmf: $DIR/liblmf-bad-query.so: its lmf_plugin_query_v1 returns nothing. Install the package 'acme-bad-query' "
       "again.\n"},
      {"run", 126, "lmf: $DIR/liblmf-bad-run.so: it has no run function. Install the package 'acme-bad-run' again.\n"},
      {"undefined", 126,
       "lmf: cannot load acme.bad-undefined ($DIR/liblmf-bad-undefined.so): $DIR/liblmf-bad-undefined.so: undefined "
       "symbol: lmf_test_function_that_nobody_defines. It needs a library of another build than is found here: it was "
       "built with cxx=test;torch=1.0, this lmf " LMF_VERSION
       " with $TAG. Install the package 'acme-bad-undefined' that was made for this lmf, or build it again here.\n"},
      {"dependency", 126,
       "lmf: acme.bad-dependency ($DIR/liblmf-bad-dependency.so) needs a library that is missing or too old: "
       "liblmf-host-test-gone.so: cannot open "
       "shared object file: No such file or directory. Install the package 'acme-bad-dependency' again.\n"
       "  'lmf plugin doctor acme.bad-dependency' names all that is missing\n"},
      {"segfault", 139,
       "\nlmf: the plugin acme.bad-segfault 1.0.0 ($DIR/liblmf-bad-segfault.so), built with cxx=test, crashed "
       "(segmentation fault). Please "
       "report it with the output of 'lmf env'.\n"},
      {"constructor", 134,
       "\nlmf: the plugin acme.bad-constructor 1.0.0 ($DIR/liblmf-bad-constructor.so) crashed (abort). Please report "
       "it "
       "with the output of 'lmf env'.\n"},
      {"exit", 7, ""},
      {"deep-dependency", 126,
       "lmf: acme.bad-deep-dependency ($DIR/liblmf-bad-deep-dependency.so) needs a library that is missing or too old: "
       "liblmf-host-test-middle.so: cannot open shared object file: No such file or directory. Install the package "
       "'acme-bad-deep-dependency' again.\n"
       "  'lmf plugin doctor acme.bad-deep-dependency' names all that is missing\n"},
      {"status", 70, "lmf bad-status: the plugin returned 256, which is no exit status\n"},
      {"internal", 70,
       "lmf bad-internal: it failed, and does not say how\n  in the plugin acme.bad-internal 1.0.0 "
       "($DIR/liblmf-bad-internal.so), built with cxx=test. Please report it with the output of 'lmf env'.\n"},
      {"throw-run", 134,
       "lmf: the plugin acme.bad-throw-run 1.0.0 ($DIR/liblmf-bad-throw-run.so), built with cxx=test, let an exception "
       "escape: thrown in run\n"},
      {"throw-static", 134,
       "lmf: the plugin acme.bad-throw-static 1.0.0 ($DIR/liblmf-bad-throw-static.so) let an exception escape: thrown "
       "while loading\n"},
      {"throw-query", 134,
       "lmf: the plugin acme.bad-throw-query 1.0.0 ($DIR/liblmf-bad-throw-query.so), built with cxx=test;torch=1.0, "
       "let "
       "an exception escape: thrown when asked\n"},
  };
  return cases;
}

/// What lmf says that it was itself built with, as $TAG.
std::string without_own_tag(std::string text) {
  const std::string before = ", this lmf " LMF_VERSION " with ";
  const auto begin = text.find(before + "cxx="), end = text.find(". Install", begin);
  if (begin == text.npos || end == text.npos) return text;
  CHECK(lmf::test::contains(text.substr(begin, end - begin), ";torch=2."));
  return text.replace(begin + before.size(), end - begin - before.size(), "$TAG");
}

}  // namespace

TEST_CASE("each fault of a library is one exact message and its own status") {
  for (const Case& expected : built_cases()) {
    CAPTURE(expected.kind);
    PluginFolder folder;
    folder.add_bad(expected.kind);
    const Finished finished = folder.lmf({"bad-" + expected.kind});
    CHECK(without_own_tag(folder.errors(finished)) == expected.message);
    CHECK(finished.status == expected.status);
    CHECK(finished.out.empty());
  }
}

TEST_CASE("a library that is cut off, or none at all, is refused by its own text") {
  for (const std::size_t bytes : {0u, 3u, 100u, 1000u, 3000u, 5000u}) {
    CAPTURE(bytes);
    PluginFolder folder;
    folder.add_bad("truncated");
    std::filesystem::resize_file(folder.path() / "liblmf-bad-truncated.so", bytes);
    const Finished finished = folder.lmf({"bad-truncated"});
    CHECK(finished.status == 126);
    CHECK_MESSAGE(
        folder.errors(finished).starts_with("lmf: cannot load acme.bad-truncated ($DIR/liblmf-bad-truncated.so): "),
        finished.err);
  }
}

TEST_CASE("faults that the manifest or the file system shows need no loading") {
  PluginFolder folder;
  const auto refused = [&](const std::string& command, const std::string& message) {
    const Finished finished = folder.lmf({command});
    CHECK(finished.status == 126);
    CHECK(folder.errors(finished) == message);
    CHECK(folder.lmf({"help", command}).status == (command == "unreadable" || command == "later" ? 126 : 0));
  };
  folder.add_manifest("alone");
  refused("alone",
          "lmf: $DIR/alone.lmf-plugin.toml names the library $DIR/liblmf-alone.so, which is not there. Install the "
          "package 'acme-alone' again.\n");
  lmf::test::write_text(folder.path() / "newer.lmf-plugin.toml",
                        replaced(lmf::test::manifest_text("newer"), "major = 1", "major = 2"));
  refused("newer", "lmf: $DIR/newer.lmf-plugin.toml needs plugin ABI 2.0; this lmf " LMF_VERSION
                   " offers 1.0. Rebuild it or install another lmf.\n");
  lmf::test::write_text(folder.path() / "unreadable.lmf-plugin.toml", "schema = 1\n[plugin]\nname = 7\n");
  refused("unreadable",
          "lmf: $DIR/unreadable.lmf-plugin.toml:3:8: plugin.name is not a text. Build or install the plugin again.\n");
  lmf::test::write_text(folder.path() / "later.lmf-plugin.toml", "schema = 2\n");
  refused("later", "lmf: $DIR/later.lmf-plugin.toml is of schema 2; this lmf " LMF_VERSION
                   " reads schema 1. Install a newer lmf.\n");
}

TEST_CASE("a plugin that others can write is never loaded") {
  PluginFolder folder;
  folder.add_greet();
  const auto library = folder.path() / "liblmf-greet.so";
  const auto unsafe = [&](const std::string& message) {
    const Finished finished = folder.lmf({"greet"});
    CHECK(finished.status == 126);
    CHECK(folder.errors(finished) == message);
    CHECK(finished.out.empty());
  };
  REQUIRE(::chmod(library.c_str(), 0757) == 0);
  unsafe("lmf: $DIR/liblmf-greet.so (mode 0757) can be written by everybody. Run: chmod o-w $DIR/liblmf-greet.so\n");
  REQUIRE(::chmod(library.c_str(), 0755) == 0);
  const auto table = folder.path() / "greet.options.toml";
  REQUIRE(::chmod(table.c_str(), 0666) == 0);
  unsafe(
      "lmf: $DIR/greet.options.toml (mode 0666) can be written by everybody. Run: chmod o-w $DIR/greet.options.toml\n");
  REQUIRE(::chmod(table.c_str(), 0644) == 0);
  REQUIRE(::chmod(folder.path().c_str(), 0777) == 0);
  unsafe("lmf: $DIR (mode 0777) can be written by everybody. Run: chmod o-w $DIR\n");
  REQUIRE(::chmod(folder.path().c_str(), 01777) == 0);
  unsafe("lmf: $DIR (mode 1777) can be written by everybody. Run: chmod o-w $DIR\n");  // /tmp is fine above it only
  REQUIRE(::chmod(folder.path().c_str(), 0755) == 0);
  CHECK(folder.lmf({"greet"}).status == 0);
  if (::geteuid() != 0) return;
  REQUIRE(::chown(library.c_str(), 12345, 0) == 0);
  unsafe(
      "lmf: $DIR/liblmf-greet.so belongs to user 12345, who could change what it does. Make a copy of your own, or "
      "run as root: chown root $DIR/liblmf-greet.so\n");
  for (const gid_t group : {12345u, 0u}) {  // root's group is no private one: other accounts may have it
    REQUIRE(::chown(library.c_str(), 0, group) == 0);
    REQUIRE(::chmod(library.c_str(), 0775) == 0);
    unsafe("lmf: $DIR/liblmf-greet.so (mode 0775) can be written by its group. Run: chmod g-w $DIR/liblmf-greet.so\n");
  }
  REQUIRE(::chmod(library.c_str(), 0755) == 0);
  REQUIRE(::chmod(folder.path().c_str(), 0775) == 0);
  unsafe("lmf: $DIR (mode 0775) can be written by its group. Run: chmod g-w $DIR\n");
}

/// The plugin "needy" with its own folder of libraries: libown.so, which its manifest names and which needs
/// liblmf-host-test-middle.so, which is there, too.
class Needy {
 public:
  Needy() {
    write_text(folder.path() / "needy.lmf-plugin.toml",
               replaced(lmf::test::manifest_text("needy"), "[requires]\n",
                        "[requires]\nlibraries = [\"its libraries/libown.so\", \"libc.so.6\"]\n"));
    std::filesystem::copy_file(built / "liblmf-bad-status.so", folder.path() / "liblmf-needy.so");
  }
  void add_libraries() const {
    std::filesystem::create_directory(own);
    std::filesystem::copy_file(built / "liblmf-bad-deep-dependency.so", library);
    std::filesystem::copy_file(built / needed.filename(), needed);
  }
  /// "" when it gets as far as being loaded.
  std::string refusal() const {
    const Finished finished = folder.lmf({"needy"});
    CHECK(finished.status == 126);
    return contains(finished.err, "says its name is 'bad-status'") ? "" : folder.errors(finished);
  }

  PluginFolder folder;
  const std::filesystem::path built = lmf::test::built_plugins() / "bad";
  const std::filesystem::path own = folder.path() / "its libraries", library = own / "libown.so",
                              needed = own / "liblmf-host-test-middle.so";
};

TEST_CASE("libraries that come with a plugin are checked as the plugin is") {
  const Needy needy;
  CHECK(needy.refusal().empty());  // there may be none
  needy.add_libraries();
  CHECK(needy.refusal().empty());
  REQUIRE(::chmod(needy.library.c_str(), 0646) == 0);
  CHECK(needy.refusal() ==
        "lmf: $DIR/its libraries/libown.so (mode 0646) can be written by everybody. Run: chmod o-w '$DIR/its "
        "libraries/libown.so'\n");
  CHECK(contains(needy.folder.lmf({"plugin", "list"}).out, "acme.needy 1.0.0 (needy): unsafe\n"));
  REQUIRE(::chmod(needy.library.c_str(), 0644) == 0);
  REQUIRE(::chmod(needy.own.c_str(), 0777) == 0);
  CHECK(needy.refusal() ==
        "lmf: $DIR/its libraries (mode 0777) can be written by everybody. Run: chmod o-w '$DIR/its libraries'\n");
  REQUIRE(::chmod(needy.own.c_str(), 0755) == 0);
  REQUIRE(::chmod(needy.needed.c_str(), 0666) == 0);
  CHECK(contains(needy.refusal(), "liblmf-host-test-middle.so (mode 0666) can be written by everybody."));
  std::filesystem::remove(needy.needed);
  lmf::test::TemporaryFolder elsewhere;
  const auto target = std::filesystem::canonical(elsewhere.path()) / "libother.so";
  lmf::test::write_library(target);
  REQUIRE(::chmod(target.c_str(), 0666) == 0);
  std::filesystem::create_symlink(target, needy.needed);
  CHECK(needy.refusal().starts_with("lmf: " + target.string() + " (mode 0666) can be written by everybody."));
}

TEST_CASE("what else lies beside those libraries is nobody's business") {
  const Needy needy;
  needy.add_libraries();
  write_text(needy.own / "README", "");
  REQUIRE(::chmod((needy.own / "README").c_str(), 0666) == 0);
  std::filesystem::create_symlink("/gone/libodd.so", needy.own / "libodd.so");
  std::filesystem::create_symlink("libloop.so", needy.own / "libloop.so");
  lmf::test::write_library(needy.own / "libworker.so");
  REQUIRE(::chmod((needy.own / "libworker.so").c_str(), 0777) == 0);
  CHECK(needy.refusal().empty());
}

TEST_CASE("a library that came with a plugin and is damaged is named before it is loaded") {
  const Needy needy;
  needy.add_libraries();
  const auto is_refused = [&](const std::string& message) {
    CHECK(needy.refusal() == "lmf: " + message);
    for (const std::string look : {"list", "doctor"}) {
      const std::string out = replaced(needy.folder.lmf({"plugin", look}).out, needy.folder.text(), "$DIR");
      CHECK(contains(out, ": dependency\n"));
      CHECK(contains(out, message));
    }
  };
  for (const auto& library : {needy.needed, needy.library}) {
    std::filesystem::resize_file(library, 5000);
    const std::string message = needy.refusal();
    CHECK(contains(message, "acme.needy needs $DIR/its libraries/" + library.filename().string() +
                                ": it is cut off: it has 5000 of its "));
    is_refused(message.substr(5));
    CHECK(message.ends_with(" bytes. Install the package 'acme-needy' again.\n"));
  }
  std::filesystem::remove(needy.library);
  const std::string names = "$DIR/needy.lmf-plugin.toml names the library $DIR/its libraries/libown.so, which ";
  std::filesystem::create_symlink("/gone/libown.so", needy.library);
  is_refused(names + "is a link to /gone/libown.so, which is not there. Install the package 'acme-needy' again.\n");
  std::filesystem::remove(needy.library);
  std::filesystem::create_symlink("libown.so", needy.library);
  is_refused(names + "is a link that leads to no file. Install the package 'acme-needy' again.\n");
}

TEST_CASE("a libtorch of another build is named where the build tags are equal") {
  PluginFolder folder;
  folder.add_bad("foreign-torch");
  lmf::test::write_library(folder.path() / "libtorch_cpu.so");
  const std::string end =
      "undefined symbol: lmf_test_torch. It was built with another libtorch than $DIR/libtorch_cpu.so, which is found "
      "here. If LD_LIBRARY_PATH leads there, unset it. Install the package 'acme-bad-foreign-torch' again.\n";
  CHECK(contains(folder.errors(folder.lmf({"bad-foreign-torch"})), end));
  CHECK(contains(replaced(folder.lmf({"plugin", "doctor"}).out, folder.text(), "$DIR"), end));
}

TEST_CASE("a libtorch of another build is named for a library that came with the plugin, too") {
  const Needy needy;
  std::filesystem::create_directory(needy.own);
  std::filesystem::copy_file(needy.built / "liblmf-bad-foreign-torch.so", needy.library);
  lmf::test::write_library(needy.own / "libtorch_cpu.so");
  std::filesystem::remove(needy.folder.path() / "needy.lmf-plugin.toml");
  write_text(needy.folder.path() / "bad-status.lmf-plugin.toml",
             replaced(lmf::test::manifest_text("bad-status"), "[requires]\n",
                      "[requires]\nlibraries = [\"its libraries/libown.so\"]\n"));
  std::filesystem::rename(needy.folder.path() / "liblmf-needy.so", needy.folder.path() / "liblmf-bad-status.so");
  CHECK(contains(replaced(needy.folder.lmf({"plugin", "doctor"}).out, needy.folder.text(), "$DIR"),
                 "undefined symbol: lmf_test_torch, which the libtorch that is found here, $DIR/its "
                 "libraries/libtorch_cpu.so, does not have"));
}

TEST_CASE("the doctor names a library of LD_LIBRARY_PATH that is cut off") {
  PluginFolder folder;
  folder.add_bad("foreign-torch");
  const auto elsewhere = folder.path() / "elsewhere", cut = elsewhere / "libtorch_cpu.so";
  std::filesystem::create_directory(elsewhere);
  std::filesystem::copy_file(lmf::test::built_plugins() / "greet/liblmf-greet.so", cut);
  std::filesystem::resize_file(cut, 20'000);  // what the loader reads first is in later pages
  const Finished doctor =
      folder.lmf({"plugin", "doctor", "bad-foreign-torch"}, {{"LD_LIBRARY_PATH", elsewhere.string()}});
  const std::string text = replaced(doctor.out, folder.text(), "$DIR");
  CHECK_MESSAGE(contains(text, "acme.bad-foreign-torch 1.0.0: crashed\n"), text);
  CHECK_MESSAGE(
      contains(text, "$DIR/elsewhere/libtorch_cpu.so of LD_LIBRARY_PATH: it is cut off: it has 20000 of its "), text);
  CHECK_MESSAGE(contains(text, " bytes. Put the whole file there, or unset LD_LIBRARY_PATH.\n"), text);
}

TEST_CASE("broken plugins change nothing but one line of help") {
  PluginFolder good, bad;
  good.add_greet();
  bad.add_greet();
  for (const Case& broken : built_cases()) bad.add_bad(broken.kind);
  lmf::test::write_text(bad.path() / "unreadable.lmf-plugin.toml", "[[[");
  bad.add_manifest("alone");
  bad.add_bad("hang");
  lmf::test::write_text(bad.path() / "liblmf-stray.so", "");

  for (const auto& words :
       std::vector<std::vector<std::string>>{{"version"}, {"greet", "Ada"}, {"help", "greet"}, {"help", "version"}}) {
    const Finished with = bad.lmf(words), without = good.lmf(words);
    CHECK(with.status == without.status);
    CHECK(with.out == without.out);
    CHECK(with.err == without.err);
  }
  const Finished help = bad.lmf({"help"});
  CHECK(help.status == 0);
  CHECK(help.err ==
        "lmf: 2 plugins cannot be used: acme.alone (library-missing), unreadable (manifest); see 'lmf plugin list'\n");
  CHECK(lmf::test::contains(help.out, "  greet "));
  CHECK(good.lmf({"help"}).err.empty());
}

TEST_CASE("the list of plugins has a word and a reason for each") {
  PluginFolder folder;
  folder.add_greet();
  folder.add_manifest("alone");
  folder.add_manifest("taker", "acme", "train");
  lmf::test::write_text(folder.path() / "odd.lmf-plugin.toml",
                        "schema = 1\nfuture = 2\n" + lmf::test::manifest_text("odd").substr(11));
  lmf::test::write_library(folder.path() / "liblmf-taker.so");
  std::filesystem::copy_file(folder.path() / "liblmf-greet.so", folder.path() / "liblmf-odd.so");
  for (const std::string name : {"junk", "void", "short", "other", "program", "big", "pie"}) folder.add_manifest(name);
  const std::string good = lmf::test::file_bytes(folder.path() / "liblmf-greet.so");
  constexpr std::size_t kType = 16, kOrder = 5, kMachine = 18;  // of an ELF header
  const auto changed = [&](std::size_t at, char value) { return good.substr(0, at) + value + good.substr(at + 1); };
  lmf::test::write_text(folder.path() / "liblmf-junk.so", "junk");
  lmf::test::write_text(folder.path() / "liblmf-void.so", "");
  lmf::test::write_text(folder.path() / "liblmf-short.so", good.substr(0, good.size() / 2));
  lmf::test::write_text(folder.path() / "liblmf-other.so", changed(kMachine, 8));  // MIPS
  lmf::test::write_text(folder.path() / "liblmf-program.so", changed(kType, 2));
  write_text(folder.path() / "liblmf-big.so", changed(kOrder, 2));
  std::filesystem::copy_file(lmf::test::executable(), folder.path() / "liblmf-pie.so");
  const Finished list = folder.lmf({"plugin", "list"});
  CHECK(list.status == 1);
  const std::string text = lmf::test::replaced(list.out, folder.text(), "$DIR");
  CHECK(lmf::test::contains(text, "acme.greet 1.2.3 (greet): ok\n  $DIR/liblmf-greet.so\n"));
  CHECK(lmf::test::contains(text, "acme.alone 1.0.0 (alone): library-missing\n"));
  CHECK(lmf::test::contains(text, "acme.taker 1.0.0 (train): reserved\n"));
  CHECK(lmf::test::contains(text, "acme.odd 1.0.0 (odd): ok\n"));
  for (const std::string name : {"junk", "void", "other", "program", "big"}) {
    const std::string library = "$DIR/liblmf-" + name + ".so";
    CHECK(lmf::test::contains(text, "acme." + name + " 1.0.0 (" + name + "): load\n  " + library +
                                        "\n  cannot load acme." + name + " (" + library +
                                        "): it is no shared library of this machine. Install the package 'acme-" +
                                        name + "' again.\n"));
  }
  CHECK(lmf::test::contains(folder.lmf({"other"}).err, "it is no shared library of this machine. Install the package"));
  CHECK(lmf::test::contains(text, "liblmf-short.so): it is cut off: it has "));
  CHECK(contains(text, "liblmf-pie.so): it is a program, no library. Install the package 'acme-pie' again.\n"));
  CHECK(lmf::test::contains(text, "$DIR/odd.lmf-plugin.toml has the key future, which this version does not know\n"));
  CHECK(lmf::test::contains(text, "  $DIR (--plugin-dir)\n"));
  CHECK(lmf::test::contains(folder.lmf({"plugin", "list", "--json"}).out, "\"name\": \"acme.alone\""));
}
