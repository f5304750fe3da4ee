// `lmf env`: what a bug report needs, whatever is broken.
#include <doctest/doctest.h>

#include <algorithm>
#include <fstream>

#include <nlohmann/json.hpp>

#include "support/places.hpp"
#include "support/process.hpp"

using lmf::test::executable;
using lmf::test::Finished;
using lmf::test::run_process;

namespace {

/// lmf in a folder of its own, with env as its only plugin, so that a test can put a broken libtorch in its way.
class OwnInstallation {
 public:
  OwnInstallation() {
    namespace fs = std::filesystem;
    plugins_ = folder_.path() / "lib/lmf/plugins-1";
    fs::create_directories(plugins_);
    fs::create_directories(folder_.path() / "bin");
    fs::copy(executable(), folder_.path() / "bin/lmf");
    const fs::path built = executable().parent_path().parent_path() / "lib/lmf/plugins-1";
    for (const char* file : {"liblmf-env.so", "env.lmf-plugin.toml"}) fs::copy(built / file, plugins_ / file);
  }
  Finished run(std::vector<std::string> words, const lmf::test::Variables& environment = {}) const {
    words.insert(words.begin(), (folder_.path() / "bin/lmf").string());
    return run_process(words, environment);
  }
  nlohmann::json report(const lmf::test::Variables& environment = {}) const {
    const Finished finished = run({"env", "--json"}, environment);
    CHECK(finished.status == 0);
    return nlohmann::json::parse(finished.out);
  }
  void write(const std::string& name, const std::string& text) const {
    std::ofstream(plugins_.parent_path() / name) << text;
  }
  std::filesystem::path plugins() const { return plugins_; }

 private:
  lmf::test::TemporaryFolder folder_;
  std::filesystem::path plugins_;
};

}  // namespace

TEST_CASE("the report has a line for each question of a bug report") {
  const OwnInstallation own;
  const Finished finished = own.run({"env"});
  CHECK(finished.status == 0);
  for (const char* label : {"`lmf` version: ", "Plugin ABI: 1.", "Build: cxx=", "System: ", "Kernel: Linux ",
                            "CPU: ", "CPU instruction sets: ", "CPU cores: ", "Memory: ", "libtorch: ", "Accelerators:",
                            "Plugins:", "Environment variables:"})
    CHECK_MESSAGE(finished.out.find("\n- " + std::string(label)) != std::string::npos, label);
}

TEST_CASE("the same as JSON, with the plugins and their statuses") {
  const OwnInstallation own;
  own.write("plugins-1/odd.lmf-plugin.toml", "[[");
  const auto report = own.report();
  CHECK(report.at("format") == 1);
  CHECK(report.at("cpu").get<std::string>().size() > 2);
  CHECK(report.at("memory").get<std::string>().find("GiB") != std::string::npos);
  const auto& plugins = report.at("plugins");
  const auto status_of = [&](const std::string& name) -> std::string {
    for (const auto& plugin : plugins)
      if (plugin.at("name") == name) return plugin.at("status");
    return "absent";
  };
  CHECK(status_of("lmf.env") == "ok");
  CHECK(status_of("odd") == "manifest");
}

TEST_CASE("a plugin in a folder given by option is in the report") {
  const OwnInstallation own;
  lmf::test::TemporaryFolder other;
  std::ofstream(other.path() / "given.lmf-plugin.toml") << "schema = 9";
  const Finished finished = own.run({"--plugin-dir", other.path().string(), "env"});
  CHECK(finished.status == 0);
  CHECK(finished.out.find("given, schema") != std::string::npos);
}

TEST_CASE("with a libtorch that is broken in any way the rest is still printed") {
  const OwnInstallation own;
  std::filesystem::create_directories(own.plugins().parent_path() / "private");
  own.write("private/liblmf-train-worker.so", "no library");
  const auto refused = own.report();
  CHECK(refused.at("libtorch").get<std::string>().starts_with("not usable: "));
  CHECK(refused.at("libtorch").get<std::string>().find("liblmf-train-worker.so") != std::string::npos);
  CHECK(refused.contains("variables"));
  // A library that crashes while it is loaded: the child process dies, not the report.
  const std::string crashing = std::string(LMF_BINARY_DIR) + "/tests/plugins/bad/liblmf-bad-throw-static.so";
  std::filesystem::copy_file(crashing, own.plugins().parent_path() / "private/liblmf-train-worker.so",
                             std::filesystem::copy_options::overwrite_existing);
  const auto crashed = own.report();
  CHECK(crashed.at("libtorch") == "not usable: it crashes when it is loaded: Aborted");
  CHECK(crashed.at("plugins").size() == 1);
}

TEST_CASE("a libtorch that others can write is not loaded, and the rest is printed") {
  const OwnInstallation own;
  std::filesystem::create_directories(own.plugins().parent_path() / "private");
  const std::string user = std::string(LMF_BINARY_DIR) + "/tests/plugins/bad/liblmf-bad-foreign-torch.so";
  std::filesystem::copy_file(user, own.plugins().parent_path() / "private/liblmf-train-worker.so");
  own.write("private/libtorch_cpu.so", "");
  const auto open = std::filesystem::canonical(own.plugins().parent_path() / "private/libtorch_cpu.so");
  std::filesystem::permissions(open, std::filesystem::perms(0666));
  const auto report = own.report();
  CHECK(report.at("libtorch") ==
        "not usable: " + open.string() + " (mode 0666) can be written by everybody. Run: chmod o-w " + open.string());
  CHECK(report.contains("variables"));
}

TEST_CASE("variables that change behaviour are shown, secrets are not") {
  const OwnInstallation own;
  const auto set = own.report({{"NNODES", "2"},
                               {"API_KEY", "very-secret"},
                               {"HF_TOKEN", "hf_secret"},
                               {"UNRELATED", "x"},
                               {"HF_ENDPOINT", "https://ada:secret@mirror.example"},
                               {"WANDB_PROJECT", "a\x1b[2Jb"}})
                       .at("variables")
                       .get<std::vector<std::string>>();
  const auto has = [&](const std::string& line) { return std::find(set.begin(), set.end(), line) != set.end(); };
  CHECK(has("NNODES=2"));
  CHECK(has("API_KEY=***"));
  CHECK(has("HF_TOKEN=***"));
  CHECK(has("HF_ENDPOINT=https://***@mirror.example"));
  CHECK(has("WANDB_PROJECT=a?[2Jb"));
  for (const auto& line : set) {
    CHECK(line.find("secret") == std::string::npos);
    CHECK(line.find("UNRELATED") == std::string::npos);
  }
}

TEST_CASE("unknown words are refused with a suggestion") {
  const OwnInstallation own;
  const Finished finished = own.run({"env", "--jsno"});
  CHECK(finished.status == 2);
  CHECK(finished.err == "lmf env: '--jsno' is not an option. Did you mean '--json'?\n");
  CHECK(own.run({"env", "json"}).status == 2);
  CHECK(own.run({"env", "--xyzzy"}).err == "lmf env: '--xyzzy' is not an option.\n  see 'lmf help env'\n");
}

TEST_CASE("a libtorch that is loaded is described, and only in the child") {
  const Finished finished = run_process({executable().string(), "env", "--json"});
  REQUIRE(finished.status == 0);
  const auto report = nlohmann::json::parse(finished.out);
  const std::string version = report.at("libtorch");
  if (version.starts_with("not usable")) {
    MESSAGE("no library of this build uses libtorch yet: " << version);
    return;
  }
  CHECK(version[0] >= '2');
  CHECK(report.at("libtorch_file").get<std::string>().ends_with("/libtorch_cpu.so"));
  CHECK(report.at("libtorch_build").size() > 1);
}
