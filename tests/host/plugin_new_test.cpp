// `lmf plugin new`: what it refuses, and that a project appears whole or not at all. That the projects build is tested
// in tests/e2e/sdk_test.sh.
#include <doctest/doctest.h>

#include "host/plugin_new.hpp"
#include "host/support.hpp"
#include "lmf/error.hpp"

namespace fs = std::filesystem;
using lmf::host::NewPlugin;
using lmf::host::write_project;
using lmf::test::contains;
using lmf::test::TemporaryFolder;

namespace {

std::string refusal(const std::string& name, std::map<std::string, std::string> options = {}) {
  try {
    lmf::host::checked_new_plugin({{name}, std::move(options)});
  } catch (const lmf::Error& error) {
    CHECK(error.exit_status() == lmf::kExitUsage);
    return std::string(error.what()) + "\n" + error.hint();
  }
  return "";
}

std::size_t entries(const fs::path& folder) {
  return static_cast<std::size_t>(std::distance(fs::directory_iterator(folder), fs::directory_iterator()));
}

}  // namespace

TEST_CASE("a name is checked, and why it cannot be is said") {
  for (const char* name :
       {"Greet", "1st", "-x", "a_b", "a.b", "../a", "grüße", "", "a23456789012345678901234567890123"})
    CHECK_MESSAGE(!refusal(name).empty(), name);
  CHECK(contains(refusal("Greet"), "'Greet' cannot be a name"));
  for (const char* name : {"train", "help", "plugin", "completion", "webui"})
    CHECK(contains(refusal(name), "is a command of lmf itself"));
  CHECK(contains(refusal("greet", {{"--vendor", "lmf"}}), "the vendor 'lmf'"));
  CHECK(contains(refusal("greet", {{"--vendor", "A B"}}), "'A B' cannot be a vendor"));
  CHECK(contains(refusal("greet", {{"--language", "cobol"}}), "no template for 'cobol'"));
  CHECK(contains(refusal("greet", {{"--directory", ""}}), "--directory needs a value"));
}

TEST_CASE("nothing that is there is replaced") {
  const TemporaryFolder folder;
  lmf::test::write_text(folder.path() / "file", "kept");
  fs::create_directory(folder.path() / "empty");
  fs::create_symlink("/nowhere", folder.path() / "link");
  for (const char* name : {"file", "empty", "link", "empty/"})
    CHECK(contains(refusal("greet", {{"--directory", folder.path() / name}}), "is there already"));
  CHECK(contains(refusal("greet", {{"--directory", folder.path() / "none/greet"}}), "none is not a folder"));
  CHECK(lmf::test::file_bytes(folder.path() / "file") == "kept");
}

TEST_CASE("a project is filled in, in each language") {
  const TemporaryFolder folder;
  for (const std::string language : {"c++", "c", "rust"}) {
    const fs::path project = folder.path() / language;
    write_project({"my-greet", "acme", language, project}, lmf::test::share());
    CHECK(entries(folder.path()) == 1);  // no temporary folder is left
    std::size_t files = 0;
    for (const auto& entry : fs::recursive_directory_iterator(project)) {
      if (!entry.is_regular_file()) continue;
      ++files;
      const std::string text = lmf::test::file_bytes(entry.path());
      for (const char* mark : {"@name@", "@identifier@", "@vendor@", "@architecture@"})
        CHECK_MESSAGE(!contains(text, mark), entry.path());
      CHECK_MESSAGE(!contains(entry.path().string(), "@"), entry.path());
      CHECK(entry.path().extension() != ".in");
    }
    CHECK(files >= 6);
    const std::string manifest = lmf::test::file_bytes(project / "my-greet.lmf-plugin.toml");
    CHECK(contains(manifest, "vendor = \"acme\""));
    CHECK(contains(manifest, "library = \"liblmf-my-greet.so\""));
    fs::remove_all(project);
  }
}

TEST_CASE("without templates nothing is written, and their package is named") {
  const TemporaryFolder folder, share;
  const NewPlugin plugin{"greet", "acme", "c", folder.path() / "greet"};
  const auto text = [&] {
    try {
      write_project(plugin, share.path());
    } catch (const lmf::Error& error) {
      return error.hint();
    }
    return std::string();
  };
  CHECK(contains(text(), "'lmf-sdk-dev'"));
  fs::create_directories(share.path() / "template/c");  // only half of them
  CHECK(contains(text(), "'lmf-sdk-dev'"));
  CHECK(entries(folder.path()) == 0);
}

TEST_CASE("a folder that appears meanwhile stays as it is") {
  const TemporaryFolder folder;
  const fs::path project = folder.path() / "greet";
  fs::create_directory(project);
  CHECK_THROWS_AS(write_project({"greet", "acme", "c", project}, lmf::test::share()), lmf::Error);
  CHECK(entries(project) == 0);
  CHECK(entries(folder.path()) == 1);
}

TEST_CASE("the command says where the project is and how to go on") {
  const TemporaryFolder folder;
  const auto finished =
      lmf::test::run_process({lmf::test::executable().string(), "plugin", "new", "greet"}, {}, folder.path());
  CHECK(finished.status == 0);
  CHECK(contains(finished.out, (fs::canonical(folder.path()) / "greet").string()));
  CHECK(contains(finished.out, "cmake -B build"));
  CHECK(fs::exists(folder.path() / "greet/greet.cpp"));
  const auto misspelt = lmf::test::run_process({lmf::test::executable().string(), "plugin", "new", "x", "--langauge=c"},
                                               {}, folder.path());
  CHECK(misspelt.status == 2);
  CHECK(contains(misspelt.err, "Did you mean '--language'?"));
}
