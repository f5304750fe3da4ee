// Where plugins are looked for, and in which order.
#include <doctest/doctest.h>

#include <sys/stat.h>

#include "host/catalogue.hpp"
#include "host/support.hpp"

using lmf::host::Catalogue;
using lmf::host::Environment;
using lmf::host::Place;
using lmf::host::Status;
using lmf::test::contains;
using lmf::test::executable;
using lmf::test::Finished;
using lmf::test::PluginFolder;
using lmf::test::run_process;

namespace {

/// The same plugin, "acme.p", in every place that is looked at.
struct AllPlaces {
  lmf::test::TemporaryFolder root;
  Environment environment;
  std::vector<std::string> given;
  std::vector<std::pair<Place, std::filesystem::path>> folders;  ///< in the order that is promised

  AllPlaces() {
    const auto top = std::filesystem::canonical(root.path());
    environment.executable = top / "prefix/bin/lmf";
    environment.user_data = top / "data";
    environment.plugin_path = (top / "path").string();
    environment.local_folders = {top / "local/triplet", top / "local/plain"};
    environment.system_folder = top / "system";
    given = {(top / "given").string()};
    std::filesystem::create_directories(top / "prefix/bin");
    lmf::test::write_text(environment.executable, "");
    add(Place::given, given[0]);
    add(Place::environment, environment.plugin_path);
    add(Place::beside, top / "prefix/lib/lmf/plugins-1");
    add(Place::user, environment.user_data / "plugins-1" / LMF_ARCHITECTURE);
    for (const auto& folder : environment.local_folders) add(Place::local, folder);
    add(Place::system, environment.system_folder);
  }

  Catalogue catalogue() const {
    std::vector<std::string> notices;
    auto found = lmf::host::search_folders(environment, given, notices);
    return Catalogue(std::move(found), std::move(notices));
  }

 private:
  void add(Place place, const std::filesystem::path& folder) {
    std::filesystem::create_directories(folder);
    lmf::test::write_text(folder / "p.lmf-plugin.toml", lmf::test::manifest_text("p"));
    lmf::test::write_library(folder / "liblmf-p.so");
    folders.emplace_back(place, folder);
  }
};

/// The places of the plugins that win and that are hidden.
std::vector<std::filesystem::path> order_of(const Catalogue& catalogue) {
  std::vector<std::filesystem::path> order;
  for (const auto& plugin : catalogue.plugins()) order.push_back(plugin.manifest_path.parent_path());
  return order;
}

}  // namespace

TEST_CASE("the first of seven folders wins; each one that goes leaves the next") {
  AllPlaces places;
  for (std::size_t first = 0; first < places.folders.size(); ++first) {
    const Catalogue catalogue = places.catalogue();
    std::vector<std::filesystem::path> expected;
    for (std::size_t i = first; i < places.folders.size(); ++i) expected.push_back(places.folders[i].second);
    CHECK(order_of(catalogue) == expected);
    CHECK(catalogue.find("p")->plugin == &catalogue.plugins()[0]);
    CHECK(catalogue.plugins()[0].folder.place == places.folders[first].first);
    CHECK(catalogue.plugins()[0].status == Status::ok);
    for (std::size_t i = 1; i < catalogue.plugins().size(); ++i) {
      CHECK(catalogue.plugins()[i].status == Status::shadowed);
      CHECK(contains(catalogue.plugins()[i].reason, "is hidden by " + places.folders[first].second.string()));
    }
    std::filesystem::remove(places.folders[first].second / "p.lmf-plugin.toml");
  }
  CHECK(places.catalogue().find("p") == nullptr);
}

TEST_CASE("in safe mode only what is installed for everybody counts") {
  AllPlaces places;
  lmf::host::enter_safe_mode(places.environment);
  CHECK(std::string(::getenv("LMF_SAFE_MODE")) == "1");  // workers and other children, too
  ::unsetenv("LMF_SAFE_MODE");
  const Catalogue catalogue = places.catalogue();
  const std::vector<std::filesystem::path> expected = {places.folders[2].second, places.folders[4].second,
                                                       places.folders[5].second, places.folders[6].second};
  CHECK(order_of(catalogue) == expected);
  CHECK(catalogue.notices() == std::vector<std::string>{"--plugin-dir is not looked at in safe mode"});
}

TEST_CASE("a folder that is reached by two names counts once, at its first place") {
  AllPlaces places;
  const auto link = places.root.path() / "link";
  std::filesystem::create_directory_symlink(places.folders[0].second, link);
  places.environment.plugin_path = link.string() + ":" + places.folders[0].second.string() + "/../given";
  const Catalogue catalogue = places.catalogue();
  CHECK(order_of(catalogue).size() == places.folders.size() - 1);
  CHECK(order_of(catalogue)[0] == places.folders[0].second);
  CHECK(order_of(catalogue)[1] == places.folders[2].second);
}

TEST_CASE("safe mode by option and by variable, and the current directory never") {
  PluginFolder folder;
  folder.add_greet();
  const std::string lmf = executable().string();
  CHECK(run_process({lmf, "greet"}, {{"LMF_PLUGIN_PATH", folder.text()}}).status == 0);
  CHECK(run_process({lmf, "greet"}, {{"LMF_PLUGIN_PATH", folder.text()}, {"LMF_SAFE_MODE", "0"}}).status == 0);
  CHECK(run_process({lmf, "--safe-mode", "greet"}, {{"LMF_PLUGIN_PATH", folder.text()}}).status == 127);
  CHECK(run_process({lmf, "greet"}, {{"LMF_PLUGIN_PATH", folder.text()}, {"LMF_SAFE_MODE", "1"}}).status == 127);
  CHECK(folder.lmf({"greet"}, {{"LMF_SAFE_MODE", "1"}}).status == 127);
  CHECK(folder.lmf({"help"}, {{"LMF_SAFE_MODE", "1"}}).err == "lmf: --plugin-dir is not looked at in safe mode\n");
  for (const std::string path : {"", ".", "./", ":"})
    CHECK(run_process({lmf, "greet"}, {{"LMF_PLUGIN_PATH", path}, {"XDG_DATA_HOME", "."}}, folder.path()).status ==
          127);
}

TEST_CASE("a link to a library of another folder is followed, and checked there") {
  PluginFolder folder, elsewhere;
  folder.add_greet();
  const auto library = folder.path() / "liblmf-greet.so", target = elsewhere.path() / "real.so";
  std::filesystem::rename(library, target);
  std::filesystem::create_symlink(target, library);
  CHECK(folder.lmf({"greet"}).out == "hello\n");
  REQUIRE(::chmod(elsewhere.path().c_str(), 0777) == 0);
  CHECK(folder.lmf({"greet"}).err == "lmf: " + elsewhere.text() +
                                         " (mode 0777) can be written by everybody. Run: chmod o-w " +
                                         elsewhere.text() + "\n");
  REQUIRE(::chmod(elsewhere.path().c_str(), 0755) == 0);
  REQUIRE(::chmod(folder.path().c_str(), 0777) == 0);  // where somebody else could turn the link
  CHECK(folder.errors(folder.lmf({"greet"})) ==
        "lmf: $DIR (mode 0777) can be written by everybody. Run: chmod o-w $DIR\n");
}

TEST_CASE("a manifest that is a link is read, and checked where it lies") {
  PluginFolder folder, elsewhere;
  folder.add_greet();
  const auto manifest = folder.path() / "greet.lmf-plugin.toml", target = elsewhere.path() / "real.toml";
  std::filesystem::rename(manifest, target);
  std::filesystem::create_symlink(target, manifest);
  CHECK(folder.lmf({"greet"}).out == "hello\n");
  REQUIRE(::chmod(target.c_str(), 0646) == 0);
  CHECK(folder.lmf({"greet"}).err == "lmf: " + target.string() +
                                         " (mode 0646) can be written by everybody. Run: chmod o-w " + target.string() +
                                         "\n");
}

TEST_CASE("a manifest or a folder far above that others can write makes a plugin unsafe") {
  lmf::test::TemporaryFolder root;
  const auto top = std::filesystem::canonical(root.path()), folder = top / "b/c";
  std::filesystem::create_directories(folder);
  for (const auto& entry : std::filesystem::directory_iterator(lmf::test::built_plugins() / "greet"))
    std::filesystem::copy(entry.path(), folder / entry.path().filename());
  const auto greet = [&] { return run_process({executable().string(), "--plugin-dir", folder.string(), "greet"}); };
  CHECK(greet().status == 0);
  for (const auto& [path, mode] : {std::pair(top, 0755), {top / "b", 0755}, {folder / "greet.lmf-plugin.toml", 0644}}) {
    REQUIRE(::chmod(path.c_str(), 0777) == 0);
    const Finished finished = greet();
    CHECK(finished.status == 126);
    CHECK(finished.err ==
          "lmf: " + path.string() + " (mode 0777) can be written by everybody. Run: chmod o-w " + path.string() + "\n");
    REQUIRE(::chmod(path.c_str(), static_cast<mode_t>(mode)) == 0);
  }
  CHECK(greet().status == 0);
}

TEST_CASE("an operator's list says which plugins may run") {
  PluginFolder folder;
  folder.add_greet();
  folder.add_wave();
  const auto greet = [&](const std::string& allowed) { return folder.lmf({"greet"}, {{"LMF_PLUGIN_ALLOW", allowed}}); };
  for (const char* allowed : {"acme.greet", "acme.*", "lmf.*,acme.greet"}) CHECK(greet(allowed).status == 0);
  const Finished refused = greet("lmf.*,acme.wave");
  CHECK(refused.status == 126);
  CHECK(refused.err ==
        "lmf: acme.greet is not among what LMF_PLUGIN_ALLOW allows: lmf.*,acme.wave. Whoever set it can add "
        "'acme.greet' or 'acme.*'.\n");
  CHECK(folder.lmf({"acme.greet"}, {{"LMF_PLUGIN_ALLOW", "acme.wave"}}).status == 126);
  const Finished list = folder.lmf({"plugin", "list"}, {{"LMF_PLUGIN_ALLOW", "acme.wave,greet"}});
  CHECK(contains(list.out, "acme.greet 1.2.3 (greet): not-allowed\n"));
  CHECK(contains(list.out, "acme.wave 2.0.0 (wave): ok\n"));
  CHECK(list.err == "lmf: LMF_PLUGIN_ALLOW: 'greet' allows nothing: expected 'vendor.plugin', 'vendor.*' or '*'\n");
  for (const char* all : {"*", "acme.wave, acme.greet", " acme.* ,"}) CHECK(greet(all).status == 0);
  CHECK(folder.lmf({"plugin", "list"}, {{"LMF_PLUGIN_ALLOW", " acme.* ,"}}).err.empty());
}

TEST_CASE("an operator's list hides no fault of a manifest that cannot be read") {
  PluginFolder folder;
  lmf::test::write_text(folder.path() / "greet.lmf-plugin.toml", "schema = 1\n[plugin\n");
  const Finished finished = folder.lmf({"greet"}, {{"LMF_PLUGIN_ALLOW", "acme.*"}});
  CHECK(finished.status == 126);
  CHECK_MESSAGE(folder.errors(finished).starts_with("lmf: $DIR/greet.lmf-plugin.toml:2:"), finished.err);
}

TEST_CASE("an operator's list that is set and empty allows nothing, and that is said") {
  PluginFolder folder;
  folder.add_greet();
  for (const char* list : {"LMF_PLUGIN_ALLOW=", "LMF_PLUGIN_ALLOW= "}) {
    const std::vector<std::string> lmf = {"env", list, executable().string(), "--plugin-dir", folder.text()};
    const auto run = [&](std::vector<std::string> words) {
      words.insert(words.begin(), lmf.begin(), lmf.end());
      return run_process(words);
    };
    const Finished refused = run({"greet"});
    CHECK(refused.status == 126);
    CHECK(refused.err ==
          "lmf: acme.greet may not run: LMF_PLUGIN_ALLOW is set and empty. Unset it, or name 'acme.greet' or 'acme.*' "
          "there.\n");
    CHECK(run({"help"}).err == "lmf: LMF_PLUGIN_ALLOW is set and empty: no plugin may run. Unset it to allow all\n");
    CHECK(run({"version"}).status == 0);
  }
}

TEST_CASE("an entry of LMF_PLUGIN_PATH that is no folder is said with its reason, and stops nothing") {
  PluginFolder folder;
  folder.add_greet();
  const auto loop = folder.path() / "loop", file = folder.path() / "file";
  std::filesystem::create_symlink(loop, loop);
  lmf::test::write_text(file, "");
  const lmf::test::Variables path = {
      {"LMF_PLUGIN_PATH", "/no/such/folder:" + loop.string() + ":" + file.string() + ":" + folder.text()}};
  const std::string said =
      "lmf: LMF_PLUGIN_PATH: '/no/such/folder' is skipped: No such file or directory\n"
      "lmf: LMF_PLUGIN_PATH: '$DIR/loop' is skipped: Too many levels of symbolic links\n"
      "lmf: LMF_PLUGIN_PATH: '$DIR/file' is skipped: Not a directory\n";
  for (const char* word : {"list", "doctor"}) {
    const Finished finished = run_process({executable().string(), "plugin", word}, path);
    CHECK(folder.errors(finished) == said);
    CHECK(contains(finished.out, "acme.greet 1.2.3"));
    CHECK(finished.status == 1);
  }
  CHECK(contains(run_process({executable().string(), "plugin", "list", "--json"}, path).out,
                 "'/no/such/folder' is skipped"));
  const Finished greet = run_process({executable().string(), "greet"}, path);
  CHECK(greet.status == 0);
  CHECK(greet.err.empty());
}
