// Who owns a command, and how manifests are read.
#include <doctest/doctest.h>

#include <algorithm>
#include <future>
#include <system_error>

#include <pthread.h>

#include "host/catalogue.hpp"
#include "host/support.hpp"

using lmf::host::Catalogue;
using lmf::host::Place;
using lmf::host::SearchFolder;
using lmf::host::Status;
using lmf::test::manifest_text;
using lmf::test::PluginFolder;
using lmf::test::replaced;
using lmf::test::write_library;
using lmf::test::write_text;

namespace {

/// A plugin whose library is another's: enough for all that happens before loading.
void add(const PluginFolder& folder, const std::string& name, const std::string& vendor = "acme",
         const std::string& command = {}) {
  write_text(folder.path() / (name + ".lmf-plugin.toml"), manifest_text(name, vendor, command));
  write_library(folder.path() / ("liblmf-" + name + ".so"));
}

/// While it is there no thread can be started: there is no room for a stack of 2^50 bytes. It binds root, too.
class NoThreads {
 public:
  NoThreads() {
    REQUIRE(::pthread_getattr_default_np(&before_) == 0);
    pthread_attr_t wanted;
    REQUIRE(::pthread_getattr_default_np(&wanted) == 0);
    REQUIRE(::pthread_attr_setstacksize(&wanted, std::size_t{1} << 50) == 0);
    REQUIRE(::pthread_setattr_default_np(&wanted) == 0);
    ::pthread_attr_destroy(&wanted);
  }
  ~NoThreads() {
    ::pthread_setattr_default_np(&before_);
    ::pthread_attr_destroy(&before_);
  }
  NoThreads(const NoThreads&) = delete;
  NoThreads& operator=(const NoThreads&) = delete;

 private:
  pthread_attr_t before_{};
};

SearchFolder at(const PluginFolder& folder, Place place) { return {folder.path(), place, std::nullopt}; }

std::string library_of(const lmf::host::Claim* claim) { return claim ? claim->plugin->library.string() : "none"; }

/// Status and reason of a manifest with this text; without the next step, which is one for all wrong ones.
std::pair<Status, std::string> verdict(const std::string& text, const std::string& name = "p") {
  PluginFolder folder;
  write_text(folder.path() / (name + ".lmf-plugin.toml"), text);
  write_library(folder.path() / ("liblmf-" + name + ".so"));
  const Catalogue catalogue({at(folder, Place::given)}, {});
  REQUIRE(catalogue.plugins().size() == 1);
  const auto& plugin = catalogue.plugins()[0];
  const std::string next_step = ". Build or install the plugin again.";
  if (plugin.status == Status::manifest) CHECK(plugin.reason.ends_with(next_step));
  return {plugin.status, replaced(replaced(plugin.reason, folder.text() + "/", ""), next_step, "")};
}

}  // namespace

TEST_CASE("the first folder wins, and the later plugin of the same name is shadowed") {
  PluginFolder first, second;
  add(first, "p");
  add(second, "p");
  const Catalogue catalogue({at(first, Place::environment), at(second, Place::system)}, {});
  CHECK(library_of(catalogue.find("p")) == (first.path() / "liblmf-p.so").string());
  CHECK(catalogue.plugins()[1].status == Status::shadowed);
  CHECK(catalogue.plugins()[1].reason.find("is hidden by " + first.text()) != std::string::npos);
}

TEST_CASE("two plugins with one command: the earlier folder wins, in one folder neither does") {
  PluginFolder first, second, both;
  add(first, "a", "acme", "work");
  add(second, "b", "bolt", "work");
  const Catalogue apart({at(first, Place::user), at(second, Place::system)}, {});
  CHECK(library_of(apart.find("work")) == (first.path() / "liblmf-a.so").string());
  CHECK(apart.claims()[1].status == Status::shadowed);
  CHECK(library_of(apart.find("bolt.work")) == (second.path() / "liblmf-b.so").string());

  add(both, "a", "acme", "work");
  add(both, "b", "bolt", "work");
  const Catalogue tied({at(both, Place::system)}, {});
  CHECK(tied.find("work")->status == Status::conflict);
  CHECK(tied.find("work")->reason.ends_with(
      "Say which: acme.work or bolt.work; or for good: [override] work = \"acme.a\" in plugins.toml."));
  CHECK(tied.find("acme.work")->status == Status::ok);
  CHECK(library_of(tied.find("bolt.work")) == (both.path() / "liblmf-b.so").string());
  CHECK(apart.find("bolt.work")->status == Status::ok);

  add(both, "c", "bolt", "work");  // two of one vendor, whose name does not tell them apart
  const Catalogue three({at(both, Place::system)}, {});
  CHECK(three.find("bolt.work")->status == Status::conflict);
  CHECK(three.claims().back().reason.ends_with("To choose, write [override] work = \"bolt.b\" in plugins.toml."));
  CHECK(three.find("acme.work")->status == Status::ok);
}

TEST_CASE("commands of lmf itself belong to vendor lmf in a trusted place") {
  PluginFolder folder;
  add(folder, "impostor", "acme", "train");
  add(folder, "helper", "acme", "help");
  add(folder, "real", "lmf", "chat");
  const Catalogue catalogue({at(folder, Place::system)}, {});
  CHECK(catalogue.find("train")->status == Status::reserved);
  CHECK(catalogue.find("help")->status == Status::reserved);
  CHECK(catalogue.find("acme.train")->status == Status::ok);  // by its vendor it can be run
  CHECK(catalogue.find("acme.help")->status == Status::ok);
  CHECK(catalogue.find("chat")->status == Status::ok);
  const Catalogue user({at(folder, Place::user)}, {});
  CHECK(user.find("chat")->status == Status::reserved);
  for (const Place place : {Place::given, Place::environment, Place::beside, Place::local})
    CHECK(Catalogue({at(folder, place)}, {}).find("chat")->status == Status::ok);
}

TEST_CASE("an impostor does not get in the way of the real plugin") {
  PluginFolder first, second;
  add(first, "train", "acme");
  add(second, "train", "lmf");
  const Catalogue catalogue({at(first, Place::given), at(second, Place::beside)}, {});
  CHECK(catalogue.find("train")->status == Status::ok);
  CHECK(library_of(catalogue.find("train")) == (second.path() / "liblmf-train.so").string());
}

TEST_CASE("an alias never hides a command") {
  PluginFolder folder;
  write_text(folder.path() / "a.lmf-plugin.toml", manifest_text("a") + "aliases = [\"b\", \"train\", \"c\"]\n");
  write_library(folder.path() / "liblmf-a.so");
  add(folder, "b");
  const Catalogue catalogue({at(folder, Place::system)}, {});
  CHECK(library_of(catalogue.find("b")) == (folder.path() / "liblmf-b.so").string());
  CHECK(library_of(catalogue.find("c")) == (folder.path() / "liblmf-a.so").string());
  CHECK(catalogue.find("train") == nullptr);
}

TEST_CASE("a manifest's faults are said with file, line and column") {
  using Pair = std::pair<Status, std::string>;
  const std::string good = manifest_text("p");
  CHECK(verdict(good).first == Status::ok);
  CHECK(verdict("\xef\xbb\xbf" + good).first == Status::ok);         // a byte order mark
  CHECK(verdict(replaced(good, "\n", "\r\n")).first == Status::ok);  // lines as Windows ends them
  CHECK(verdict("future = 1\n" + good).first == Status::ok);
  CHECK(verdict("").second == "p.lmf-plugin.toml:1:1: schema is missing or not a positive integer");
  CHECK(verdict("schema = 1\n").second == "p.lmf-plugin.toml:1:1: plugin is missing");
  CHECK(verdict(replaced(good, "schema = 1", "schema = 2")).first == Status::schema);
  CHECK(verdict(replaced(good, "\"p\"\nversion", "\"q\"\nversion")).second ==
        "p.lmf-plugin.toml:3:8: plugin.name is 'q', but the file's name says 'p'");
  CHECK(verdict(replaced(good, "\"liblmf-p.so\"", "\"../x.so\"")).second ==
        "p.lmf-plugin.toml:6:11: plugin.library is '../x.so': expected a bare file name beside the manifest");
  CHECK(verdict(replaced(good, "major = 1", "major = \"1\"")).second ==
        "p.lmf-plugin.toml:8:9: abi.major is not an integer");
  CHECK(verdict(replaced(good, "major = 1", "major = -1")).second ==
        "p.lmf-plugin.toml:8:9: abi.major is -1, expected 0 to 65535");
  CHECK(verdict(replaced(good, "acme.p", "acme\\u001b[2J")).second ==
        "p.lmf-plugin.toml:14:11: command.summary has a control character");
  for (const char* obeyed : {"\\u009b2J", "\\u202e"})  // an escape sequence in one character; text from right to left
    CHECK(verdict(replaced(good, "acme.p", std::string("acme") + obeyed)).second ==
          "p.lmf-plugin.toml:14:11: command.summary has a control character");
  CHECK(verdict(replaced(good, "vendor = \"acme\"", "vendor = \"Acme Inc\""))
            .second.starts_with("p.lmf-plugin.toml:5:10: plugin.vendor is 'Acme Inc': a name has"));
  CHECK(verdict(good + "name = \"twice\"\n").first == Status::manifest);
  CHECK(verdict(good + "ü = 1\n").second ==
        "p.lmf-plugin.toml:15:1: a character that is not ASCII stands outside of quotes");
  CHECK(verdict(std::string("\xff\xfe\x00", 3)).first == Status::manifest);
  CHECK(verdict(good + "#" + std::string(300 * 1024, 'x')).second.find("at most 262144 are accepted") !=
        std::string::npos);
  CHECK(verdict(replaced(good, "[[command]]", "[command]")).second ==
        "p.lmf-plugin.toml:12:1: command is not an array of tables ([[command]])");
  CHECK(verdict(replaced(good, "minor = 0", "minor = 1")) ==
        Pair(Status::abi, "p.lmf-plugin.toml needs plugin ABI 1.1; this lmf " LMF_VERSION
                          " offers 1.0. Rebuild it or install another lmf."));
}

TEST_CASE("a damaged manifest of any kind is a status, never a crash") {
  const std::string good = manifest_text("p");
  for (std::size_t at_byte = 0; at_byte < good.size(); at_byte += 3)
    for (const char damage : {'\0', '"', '[', '\xff'}) {
      std::string text = good;
      text[at_byte] = damage;
      const auto status = verdict(text).first;
      CHECK((status == Status::ok || status == Status::manifest || status == Status::schema ||
             status == Status::library_missing || status == Status::abi));
    }
}

TEST_CASE("a folder, a pipe or a hidden file is no manifest, and order does not depend on the file system") {
  PluginFolder folder;
  add(folder, "b");
  add(folder, "a");
  std::filesystem::create_directory(folder.path() / "c.lmf-plugin.toml");
  write_text(folder.path() / ".hidden.lmf-plugin.toml", "");
  write_text(folder.path() / ".lmf-plugin.toml", "");
  const Catalogue catalogue({at(folder, Place::system)}, {});
  REQUIRE(catalogue.plugins().size() == 3);
  CHECK(catalogue.plugins()[0].manifest.name == "a");
  CHECK(catalogue.plugins()[2].status == Status::manifest);
}

TEST_CASE("a folder named twice counts once, as the more settled of its places") {
  PluginFolder folder;
  lmf::host::Environment environment;
  environment.plugin_path = folder.text();
  environment.user_data = folder.path() / "none";
  std::vector<std::string> notices;
  const std::vector<std::string> given = {folder.text(), folder.text() + "/."};
  const auto folders = lmf::host::search_folders(environment, given, notices);
  REQUIRE(!folders.empty());
  CHECK(folders[0].path == folder.path());
  CHECK(folders[0].place == Place::environment);
  CHECK(std::count_if(folders.begin(), folders.end(), [&](const auto& one) { return one.path == folder.path(); }) == 1);
  lmf::host::enter_safe_mode(environment);
  REQUIRE(::unsetenv("LMF_SAFE_MODE") == 0);  // it is for what this process starts
  for (const auto& one : lmf::host::search_folders(environment, given, notices)) CHECK(one.path != folder.path());
}

TEST_CASE("what is read for one word decides as all of it does") {
  PluginFolder first, second;
  add(first, "greet");
  add(first, "other", "bolt", "greet");  // a tie
  add(first, "wave", "bolt");
  add(second, "wave", "acme");
  add(second, "worker", "acme", "work");
  add(first, "train", "acme");
  add(second, "chat", "lmf");
  for (const auto& [file, text] : std::vector<std::pair<std::string, std::string>>{
           {"short", manifest_text("short", "acme", "deploy") + "aliases = [\"d2\"]\n"},
           {"rival", manifest_text("rival", "bolt", "deploy")},  // of the command that d2 means
           {"hidden", replaced(manifest_text("hidden"), "name = \"hidden\"\nsummary", "name = \"h\\u0069d\"\nsummary")},
           {"broken", "schema = 1\n[plugin"},
           {"work", "no TOML"},
           {"lines", replaced(manifest_text("lines"), "name = \"lines\"\nsummary",
                              "name = \"\"\"\nli\\\n  nes\"\"\"\nsummary")}}) {
    write_text(first.path() / (file + ".lmf-plugin.toml"), text);
    write_library(first.path() / ("liblmf-" + file + ".so"));
  }
  write_text(second.path() / "worker.lmf-plugin.toml", manifest_text("worker", "acme", "work"));
  write_text(first.path() / "worker.lmf-plugin.toml",
             manifest_text("worker", "acme", "toil"));  // hides the one with work
  write_library(first.path() / "liblmf-worker.so");
  const std::vector<SearchFolder> folders = {at(first, Place::given), at(second, Place::system)};
  lmf::host::PluginChoices given;
  given.overrides["deploy"] = {"bolt.rival", "plugins.toml:2"};
  for (const auto& choices : {lmf::host::PluginChoices(), given}) {
    const Catalogue all(folders, {}, choices);
    const auto described = [](const lmf::host::Claim* claim) {
      return claim ? claim->plugin->manifest_path.string() + " " + std::string(lmf::host::word(claim->status)) +
                         claim->reason
                   : "none";
    };
    for (const std::string word : {"greet", "wave", "work", "toil", "worker", "train", "chat", "deploy", "d2", "hid",
                                   "hidden", "broken", "lines", "short", "nothing", "help"}) {
      CAPTURE(word);
      const Catalogue few(folders, {}, choices, {}, {.beginning = word});
      CHECK(described(few.find(word)) == described(all.find(word)));
      for (const std::string vendor : {"acme.", "bolt.", "lmf."})
        CHECK(described(few.find(vendor + word)) == described(all.find(vendor + word)));
      const auto* unreadable = few.find_unreadable(word);
      CHECK((unreadable ? unreadable->reason : "") ==
            (all.find_unreadable(word) ? all.find_unreadable(word)->reason : ""));
      const Catalogue begun(folders, {}, choices, {}, {.beginning = std::string_view(word).substr(0, 2)});
      CHECK(described(begun.find(word)) == described(all.find(word)));
    }
  }
}

TEST_CASE("for one word only the manifests are parsed that can have it") {
  PluginFolder folder;
  for (const std::string name : {"greet", "wave", "work"}) add(folder, name);
  write_text(folder.path() / "escaped.lmf-plugin.toml", manifest_text("escaped") + "usage = \"a\\tb\"\n");
  const Catalogue few({at(folder, Place::given)}, {}, {}, {}, {.beginning = "wav"});
  REQUIRE(few.plugins().size() == 2);
  CHECK(few.plugins()[0].manifest.name == "escaped");
  CHECK(few.plugins()[1].manifest.name == "wave");
}

TEST_CASE("hundreds of manifests are read as a few are, in their order, with threads and where there can be none") {
  PluginFolder folder;
  constexpr int kCount = 300;
  const auto name = [](int number) { return "p" + std::to_string(1000 + number); };
  for (int i = 0; i < kCount; ++i)
    if (i % 7 == 0)
      write_text(folder.path() / (name(i) + ".lmf-plugin.toml"), "schema = 1\nnumber = " + std::to_string(i));
    else
      add(folder, name(i));
  const auto is_all_there = [&](const Catalogue& catalogue) {
    REQUIRE(catalogue.plugins().size() == kCount);
    for (int i = 0; i < kCount; ++i) {
      CHECK(catalogue.plugins()[static_cast<std::size_t>(i)].manifest.name == name(i));
      CHECK(catalogue.plugins()[static_cast<std::size_t>(i)].status == (i % 7 == 0 ? Status::manifest : Status::ok));
    }
  };
  is_all_there(Catalogue({at(folder, Place::given)}, {}));
  const NoThreads none;
  CHECK_THROWS_AS(std::async(std::launch::async, [] {}), std::system_error);
  is_all_there(Catalogue({at(folder, Place::given)}, {}));
}
