// A word that several plugins want: who gets it, and that running, help and the lists of plugins say the same.
#include <doctest/doctest.h>

#include "host/support.hpp"

using lmf::test::contains;
using lmf::test::file_bytes;
using lmf::test::Finished;
using lmf::test::manifest_text;
using lmf::test::PluginFolder;
using lmf::test::replaced;
using lmf::test::write_library;
using lmf::test::write_text;
using Words = std::vector<std::string>;

namespace {

/// A plugin that is whole as far as anybody sees who does not load it; `aliases` as TOML has them.
void add(const PluginFolder& folder, const std::string& name, const std::string& vendor, const std::string& command,
         const std::string& aliases = {}) {
  write_text(folder.path() / (name + ".lmf-plugin.toml"),
             manifest_text(name, vendor, command) + (aliases.empty() ? "" : "aliases = [" + aliases + "]\n"));
  write_library(folder.path() / ("liblmf-" + name + ".so"));
}

/// Two folders, in this order.
struct TwoFolders {
  PluginFolder first, second;

  Finished lmf(Words words, const lmf::test::Variables& environment = {}) const {
    words.insert(words.begin(), {"--plugin-dir", second.text()});
    Finished finished = first.lmf(words, environment);
    for (std::string* text : {&finished.out, &finished.err})
      *text = replaced(replaced(*text, first.text(), "$FIRST"), second.text(), "$SECOND");
    return finished;
  }
  /// The plugin whose command `word` is, as help tells it.
  std::string owner(const std::string& word) const {
    const Finished help = lmf({"help", word});
    const std::string before = ": A command of ";
    const auto at = help.out.find(before);
    return at == help.out.npos ? help.err
                               : help.out.substr(at + before.size(), help.out.find('\n') - at - before.size());
  }
};

}  // namespace

TEST_CASE("a command's own name goes before an alias, also after a vendor's name and in a later folder") {
  TwoFolders folders;
  add(folders.first, "a1", "acme", "a1");
  add(folders.first, "a2", "acme", "a2", "\"a1\"");
  add(folders.first, "d4", "acme", "d4", "\"c3\"");
  add(folders.second, "c3", "acme", "c3");
  for (const std::string word : {"a1", "a2", "c3", "d4"})
    for (const std::string before : {"", "acme."}) CHECK(folders.owner(before + word) == "acme." + word);
  CHECK(contains(folders.lmf({"acme.a1"}).err, "$FIRST/liblmf-a1.so"));
  for (const std::string alias : {"a1", "c3"}) CHECK_FALSE(contains(folders.lmf({"help"}).out, "(also: " + alias));
  CHECK_FALSE(contains(folders.lmf({"help", "a2"}).out, "Also called"));
  const std::string list = folders.lmf({"plugin", "list"}).out;
  CHECK(contains(
      list,
      "acme.a2 1.0.0 (a2): ok\n  $FIRST/liblmf-a2.so\n  the alias 'a1' of a2 does not count: it is the command "
      "of $FIRST/a1.lmf-plugin.toml\n"));
  CHECK(contains(list, "the alias 'c3' of d4 does not count: it is the command of $SECOND/c3.lmf-plugin.toml\n"));
}

TEST_CASE("an alias that two plugins of one folder have is nobody's, and of two folders the first one's") {
  TwoFolders folders;
  add(folders.first, "e1", "acme", "e1", "\"ee\", \"ff\"");
  add(folders.first, "e2", "beta", "e2", "\"ee\"");
  add(folders.second, "e3", "beta", "e3", "\"ff\", \"ee\"");
  const std::string tie =
      "'ee' is an alias of e1 in $FIRST/e1.lmf-plugin.toml and of e2 in $FIRST/e2.lmf-plugin.toml. Say which: acme.e1 "
      "or beta.e2.\n";
  for (const Words& words : {Words{"ee"}, Words{"help", "ee"}, Words{"ee", "--help"}}) {
    const Finished finished = folders.lmf(words);
    CHECK(finished.status == 126);
    CHECK(finished.err == "lmf: " + tie);
  }
  CHECK(folders.owner("ff") == "acme.e1");
  CHECK(folders.owner("acme.ee") == "acme.e1");
  CHECK(folders.owner("beta.ee") == "beta.e2");
  CHECK(folders.owner("beta.ff") == "beta.e3");
  const Finished help = folders.lmf({"help"});
  CHECK(contains(help.out, "(also: ff)\n"));
  CHECK_FALSE(contains(help.out, "(also: ee"));
  for (const Words& words : {Words{"plugin", "list"}, Words{"plugin", "info", "e2"}, Words{"plugin", "doctor", "e2"}})
    CHECK(contains(folders.lmf(words).out, tie));
  CHECK(contains(folders.lmf({"plugin", "info", "e3"}).out,
                 "the alias 'ff' of e3 does not count: it is an alias of e1 of $FIRST/e1.lmf-plugin.toml\n"));
  const std::string completed = folders.lmf({"__complete", "--", "--plugin-dir", folders.first.text(), "e"}).out;
  CHECK(completed.starts_with("e1\t"));
  CHECK_FALSE(contains(completed, "\nee"));

  add(folders.first, "e4", "acme", "e4", "\"ee\"");  // of one vendor, too
  CHECK(contains(folders.owner("acme.ee"), "Say which: acme.e1 or acme.e4.\n"));
}

TEST_CASE("an alias is shown once, and a command's own name is none") {
  PluginFolder folder;
  add(folder, "bad", "acme", "bad", "\"bad\", \"bad2\", \"bad2\"");
  CHECK(contains(folder.lmf({"help"}).out, "(also: bad2)\n"));
  CHECK(contains(folder.lmf({"help", "bad"}).out, "Also called: bad2\n"));
}

TEST_CASE("a plugin whose manifest cannot be read is not replaced by a later one of its name, by any word") {
  for (const std::string& text : {std::string("x"), replaced(manifest_text("greet"), "schema = 1", "schema = 2")}) {
    TwoFolders folders;
    write_text(folders.first.path() / "greet.lmf-plugin.toml", text);
    add(folders.second, "greet", "acme", "greet", "\"hello\"");
    add(folders.second, "other", "beta", "greet");  // another plugin: with its vendor it is meant and no other
    const std::string broken = folders.lmf({"greet"}).err;
    CHECK(contains(broken, "$FIRST/greet.lmf-plugin.toml"));
    const std::string hidden =
        "$SECOND/greet.lmf-plugin.toml is hidden by $FIRST/greet.lmf-plugin.toml, which is found first (--plugin-dir) "
        "and "
        "cannot be read, so that its vendor is not known. Mend or remove that one.\n";
    for (const Words& before : {Words{}, Words{"help"}})
      for (const std::string word : {"greet", "acme.greet", "hello", "acme.hello"}) {
        Words words = before;
        words.push_back(word);
        const Finished finished = folders.lmf(words);
        CHECK(finished.status == 126);
        CHECK(finished.err == (word == "greet" ? broken : "lmf: " + hidden));
      }
    CHECK(folders.owner("beta.greet") == "beta.other");
    CHECK(folders.lmf({"gone.greet"}).err == broken);  // it may be that one
    // The broken one is not allowed, as nobody knows its vendor, and hides all the same.
    CHECK(folders.lmf({"hello"}, {{"LMF_PLUGIN_ALLOW", "acme.*"}}).err == "lmf: " + hidden);
    const Finished help = folders.lmf({"help"});
    CHECK_FALSE(contains(help.out, "  greet "));
    CHECK(contains(help.err, "1 plugin cannot be used: greet ("));
    const std::string list = folders.lmf({"plugin", "list"}).out;
    CHECK(contains(list, "acme.greet 1.0.0 (greet): shadowed\n  $SECOND/liblmf-greet.so\n  " + hidden));
    CHECK(contains(
        list,
        "beta.other 1.0.0 (greet): shadowed\n  $SECOND/liblmf-other.so\n  'greet' of "
        "$SECOND/other.lmf-plugin.toml is hidden by $FIRST/greet.lmf-plugin.toml, which cannot be read. Run it "
        "as 'beta.greet', or write [override] greet = \"beta.other\" in "));
  }
}

TEST_CASE("of one folder, too, the broken one wins, whatever the order of their names") {
  for (const std::string other : {"a", "z"}) {
    PluginFolder folder;
    write_text(folder.path() / "greet.lmf-plugin.toml", "x");
    add(folder, other, "beta", "greet");
    CHECK(contains(folder.errors(folder.lmf({"greet"})), "lmf: $DIR/greet.lmf-plugin.toml:1:"));
    CHECK(folder.lmf({"help", "beta.greet"}).status == 0);
  }
}

TEST_CASE("a conflict is said by help, and help for the command says what running it does") {
  PluginFolder folder;
  add(folder, "t1", "acme", "tie");
  add(folder, "t2", "beta", "tie");
  const Finished run = folder.lmf({"tie"});
  CHECK(run.status == 126);
  CHECK(contains(run.err, "Say which: acme.tie or beta.tie"));
  for (const Words& words :
       {Words{"help", "tie"}, Words{"tie", "--help"}, Words{"help", "tie", "--json"}, Words{"help", "tie", "--man"}}) {
    const Finished help = folder.lmf(words);
    CHECK(help.status == 126);
    CHECK(help.err == run.err);
  }
  const Finished help = folder.lmf({"help"});
  CHECK(help.status == 0);
  CHECK(help.err == "lmf: 'tie' runs none of acme.t1, beta.t2, which all have it; see 'lmf plugin list'\n");
  CHECK(folder.lmf({"help", "beta.tie"}).status == 0);
}

TEST_CASE("to a plugin that is hidden by one of its vendor, its vendor's name is no way") {
  TwoFolders folders;
  add(folders.first, "s1", "acme", "zz");
  add(folders.second, "s2", "acme", "zz");
  CHECK(contains(folders.lmf({"plugin", "list"}).out,
                 "is hidden by $FIRST/s1.lmf-plugin.toml. To have it instead, write [override] zz = \"acme.s2\" in "));
  CHECK(contains(folders.lmf({"plugin", "list"}).out, ", or switch the other one off: lmf plugin disable acme.s1.\n"));
}
