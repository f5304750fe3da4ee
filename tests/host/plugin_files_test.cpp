// What a manifest names beside itself and is not there, or is something else: seen without loading, and said
// everywhere.
#include <doctest/doctest.h>

#include <sys/stat.h>

#include "host/support.hpp"

using lmf::test::contains;
using lmf::test::file_bytes;
using lmf::test::Finished;
using lmf::test::PluginFolder;
using lmf::test::replaced;
using lmf::test::write_text;

namespace {

using Lines = std::vector<std::vector<std::string>>;

/// Each of which looks at the plugin greet.
const Lines kLooks = {{"plugin", "list"}, {"plugin", "info", "greet"}, {"plugin", "doctor", "greet"}};

std::string completed(const PluginFolder& folder, std::vector<std::string> words) {
  words.insert(words.begin(), {"__complete", "--", "--plugin-dir", folder.text()});
  return folder.lmf(words).out;
}

}  // namespace

TEST_CASE("help names a library that is cut off among what cannot be used, not among the commands") {
  PluginFolder folder;
  folder.add_greet();
  CHECK(folder.lmf({"help"}).err.empty());
  const auto library = folder.path() / "liblmf-greet.so";
  for (const std::uintmax_t bytes :
       {std::filesystem::file_size(library) - 1, std::uintmax_t{5000}, std::uintmax_t{0}}) {
    CAPTURE(bytes);
    std::filesystem::resize_file(library, bytes);
    const Finished help = folder.lmf({"help"});
    CHECK(help.status == 0);
    CHECK(help.err == "lmf: 1 plugin cannot be used: acme.greet (load); see 'lmf plugin list'\n");
    CHECK_FALSE(contains(help.out, "  greet "));
    CHECK_FALSE(contains(completed(folder, {"gre"}), "greet"));
  }
}

TEST_CASE("what lies there instead of a library is named, and nothing waits for a pipe") {
  PluginFolder folder;
  folder.add_manifest("odd");
  const auto library = folder.path() / "liblmf-odd.so";
  const auto is_refused = [&](const std::string& what) {
    const std::string reason = "$DIR/odd.lmf-plugin.toml names the library $DIR/liblmf-odd.so, which " + what +
                               ". Install the package 'acme-odd' again.\n";
    const Finished finished = folder.lmf({"odd"});
    CHECK(finished.status == 126);
    CHECK(folder.errors(finished) == "lmf: " + reason);
    for (const auto& words : Lines{{"plugin", "list"}, {"plugin", "info", "odd"}, {"plugin", "doctor", "odd"}})
      CHECK(contains(replaced(folder.lmf(words).out, folder.text(), "$DIR"), reason));
    CHECK(folder.lmf({"help"}).err ==
          "lmf: 1 plugin cannot be used: acme.odd (library-missing); see 'lmf plugin list'\n");
    std::filesystem::remove(library);
  };
  is_refused("is not there");
  REQUIRE(::mkfifo(library.c_str(), 0600) == 0);
  is_refused("is a named pipe");
  std::filesystem::create_directory(library);
  is_refused("is a folder");
  std::filesystem::create_symlink("/gone/libother.so", library);
  is_refused("is a link to /gone/libother.so, which is not there");
  std::filesystem::create_symlink(library, library);
  is_refused("is a link that leads to no file");
  std::filesystem::create_symlink("/dev/zero", library);
  is_refused("is a device");
}

TEST_CASE("a table of options that is not there makes its plugin one that cannot be used") {
  PluginFolder folder;
  folder.add_greet();
  const auto table = folder.path() / "greet.options.toml";
  const auto is_refused = [&](const std::string& what) {
    const std::string reason = "$DIR/greet.lmf-plugin.toml names the table of options $DIR/greet.options.toml, which " +
                               what + ". Install the package 'acme-greet' again.\n";
    for (const auto& words : Lines{{"greet"},
                                   {"help", "greet"},
                                   {"greet", "--help"},
                                   {"help", "greet", "warmth"},
                                   {"help", "greet", "--man"}}) {
      const Finished finished = folder.lmf(words);
      CHECK(finished.status == 126);
      CHECK(folder.errors(finished) == "lmf: " + reason);
      CHECK(finished.out.empty());
    }
    const Finished help = folder.lmf({"help"});
    CHECK(help.status == 0);
    CHECK(help.err == "lmf: 1 plugin cannot be used: acme.greet (options); see 'lmf plugin list'\n");
    for (const auto& words : kLooks) {
      const Finished finished = folder.lmf(words);
      CHECK(finished.status == 1);
      CHECK(contains(finished.out, "options"));
      CHECK(contains(replaced(finished.out, folder.text(), "$DIR"), reason));
    }
    CHECK(contains(completed(folder, {"greet", "--l"}), "--loud"));
  };
  std::filesystem::remove(table);
  is_refused("is not there");
  std::filesystem::create_directory(table);
  is_refused("is a folder");
}

TEST_CASE("a table of options that is wrong or cannot be read is said by help, and by all that look at plugins") {
  PluginFolder folder;
  folder.add_greet();
  const auto table = folder.path() / "greet.options.toml";
  const std::string whole = file_bytes(table);
  const auto is_said = [&](const std::string& beginning) {
    for (const auto& words : Lines{{"help", "greet"}, {"help", "greet", "warmth"}}) {
      const Finished finished = folder.lmf(words);
      CHECK(finished.status == 126);
      CHECK(finished.out.empty());
      CHECK_MESSAGE(folder.errors(finished).starts_with("lmf: " + beginning), finished.err);
      CHECK_MESSAGE(finished.err.ends_with(". Install the package 'acme-greet' again.\n"), finished.err);
    }
    for (const auto& words : kLooks) {
      const Finished finished = folder.lmf(words);
      CHECK(finished.status == 1);
      CHECK(contains(finished.out, "options\n"));
      CHECK(contains(replaced(finished.out, folder.text(), "$DIR"), beginning));
    }
    CHECK(contains(completed(folder, {"greet", "--l"}), "--loud"));
    CHECK(folder.lmf({"help"}).err.empty());  // which reads none
  };
  write_text(table, "[[option]]\nname = \"warmth\"\n[[option]\n");
  is_said("$DIR/greet.options.toml:3:");
  write_text(table, std::string(5 * 1024 * 1024, '#'));
  is_said("cannot read $DIR/greet.options.toml: it has 5242880 bytes");
  const std::string cut = "$DIR/greet.options.toml is cut off: its last line, [end], is missing";
  write_text(table, "");
  is_said(cut);
  write_text(table, whole.substr(0, whole.rfind("[[option]]")));
  is_said(cut);
  write_text(table, "[end]\n");
  is_said("$DIR/greet.options.toml has no option");
}

TEST_CASE(
    "an alias that is a name of lmf's own does not count, is not shown, and is said where plugins are looked at") {
  PluginFolder folder;
  folder.add_greet();
  const auto manifest = folder.path() / "greet.lmf-plugin.toml";
  write_text(manifest,
             replaced(file_bytes(manifest), "aliases = [\"hello\"]", "aliases = [\"hello\", \"train\", \"help\"]"));
  for (const auto& words : Lines{{"help"}, {"help", "greet"}}) {
    const std::string out = folder.lmf(words).out;
    CHECK(contains(out, words.size() == 1 ? "(also: hello)" : "Also called: hello\n"));
  }
  CHECK(contains(folder.lmf({"help", "greet", "--json"}).out, "\"hello\""));
  CHECK_FALSE(contains(folder.lmf({"help", "greet", "--json"}).out, "\"train\""));
  CHECK(contains(folder.lmf({"help", "train"}).out, "Usage: lmf train"));
  for (const auto& words : Lines{{"plugin", "list"},
                                 {"plugin", "info", "greet"},
                                 {"plugin", "doctor", "greet"},
                                 {"plugin", "list", "--json"}}) {
    const std::string out = replaced(folder.lmf(words).out, folder.text(), "$DIR");
    for (const std::string name : {"train", "help"})
      CHECK_MESSAGE(contains(out, "$DIR/greet.lmf-plugin.toml has the alias '" + name +
                                      "' of greet, which does not count: that name is reserved for lmf"),
                    out);
  }
}
