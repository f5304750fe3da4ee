// `lmf plugin doctor` and `info`: what loading would do, found out in a process of its own.
#include <doctest/doctest.h>

#include <cerrno>
#include <cstddef>
#include <cstring>

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <nlohmann/json.hpp>

#include "base/library_file.hpp"
#include "host/apart.hpp"
#include "host/plugin.hpp"
#include "host/support.hpp"

using lmf::test::built_plugins;
using lmf::test::contains;
using lmf::test::executable;
using lmf::test::Finished;
using lmf::test::PluginFolder;
using lmf::test::replaced;
using lmf::test::run_process;
using nlohmann::json;

namespace {

struct Row {
  std::string kind, status;
  std::string reason;  ///< a part of it
};

/// One for each way in which a library can be broken.
const std::vector<Row>& rows() {
  static const std::vector<Row> rows = {
      {"symbol", "entry", "not an lmf plugin, or built without LMF_PLUGIN."},
      {"magic", "entry", "returns no lmf plugin (magic 0x7)."},
      {"abi-major", "mismatch", "needs plugin ABI 2.0, its manifest"},
      {"abi-minor", "mismatch", "needs plugin ABI 1.9, its manifest"},
      {"size", "entry", "its descriptor has 20 bytes"},
      {"name", "mismatch", "says its name is 'somebody-else'"},
      {"version", "mismatch", "says its version is '0.9.0'"},
      {"manifest", "mismatch", "was built with another manifest"},
      {"query", "entry", "returns nothing."},
      {"run", "entry", "it has no run function."},
      {"undefined", "load", "undefined symbol: lmf_test_function_that_nobody_defines."},
      {"dependency", "dependency",
       "needs what is not found: liblmf-host-test-gone.so (needed by liblmf-bad-dependency.so). Install the package "
       "'acme-bad-dependency' again."},
      {"deep-dependency", "dependency",
       "needs what is not found: liblmf-host-test-gone.so (needed by liblmf-host-test-middle.so). Install"},
      {"segfault", "ok", ""},  // in run, which is not called
      {"status", "ok", ""},
      {"throw-run", "ok", ""},
      {"throw-static", "crashed", "let an exception escape: thrown while loading. Install the package"},
      {"constructor", "crashed", "was ended by signal 6 (Aborted) while it was being loaded."},
      {"throw-query", "crashed", "built with cxx=test;torch=1.0, let an exception escape: thrown when asked"},
      {"exit", "crashed", "ended with status 7 while it was being loaded."},
      {"exit-zero", "crashed", "ended with status 0 while it was being loaded."},
      {"at-exit", "ok", ""},  // at the process's end, which its exit handlers take no part in
      {"hang", "timeout", "did not come back from being loaded within 1 s (--timeout SECONDS)."},
  };
  return rows;
}

/// From here on this process can start no other, whoever its user is: a limit on processes does not bind root.
bool forbid_processes() {
  std::vector<sock_filter> program = {BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr))};
  for (const unsigned call : {
#ifdef SYS_fork  // not on every machine
           SYS_fork, SYS_vfork,
#endif
           SYS_clone, SYS_clone3}) {
    program.push_back(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, call, 0, 1));
    program.push_back(BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EAGAIN));
  }
  program.push_back(BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW));
  const sock_fprog filter{static_cast<unsigned short>(program.size()), program.data()};
  return ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 && ::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) == 0;
}

json find(const json& list, const std::string& name) {
  for (const auto& plugin : list.at("plugins"))
    if (plugin.at("name") == name) return plugin;
  return {};
}

}  // namespace

TEST_CASE("the doctor says of each fault what it is, and harms nothing") {
  PluginFolder folder;
  for (const Row& row : rows()) folder.add_bad(row.kind);
  std::filesystem::copy_file(built_plugins() / "bad/liblmf-host-test-middle.so",
                             folder.path() / "liblmf-host-test-middle.so");
  folder.add_greet();
  folder.add_manifest("alone");
  folder.add_manifest("junk");
  lmf::test::write_text(folder.path() / "liblmf-junk.so", "junk");
  folder.add_manifest("open");
  lmf::test::write_text(folder.path() / "liblmf-open.so", "");
  REQUIRE(::chmod((folder.path() / "liblmf-open.so").c_str(), 0666) == 0);
  const Finished finished = folder.lmf({"plugin", "doctor", "--timeout=1", "--json"});
  CHECK(finished.status == 1);
  const json list = json::parse(finished.out);
  for (const Row& row : rows()) {
    CAPTURE(row.kind);
    const json plugin = find(list, "acme.bad-" + row.kind);
    REQUIRE(plugin.is_object());
    CHECK(plugin.at("status") == row.status);
    CHECK(plugin.at("fault") == (row.status != "ok"));
    CHECK_MESSAGE(contains(plugin.at("reason"), row.reason), plugin.at("reason").get<std::string>());
  }
  CHECK(find(list, "acme.greet").at("status") == "ok");
  CHECK(contains(find(list, "acme.greet").at("build_tag"), "cxx="));
  CHECK(find(list, "acme.alone").at("status") == "library-missing");
  CHECK(find(list, "acme.junk").at("status") == "load");
  CHECK(find(list, "acme.open").at("status") == "unsafe");
  CHECK(find(list, "acme.bad-deep-dependency").at("missing").size() == 1);
}

TEST_CASE("the doctor looks at one plugin, and its exit status says whether it is well") {
  PluginFolder folder;
  folder.add_greet();
  folder.add_bad("constructor");
  const Finished well = folder.lmf({"plugin", "doctor", "greet"});
  CHECK(well.status == 0);
  CHECK(contains(well.out, "acme.greet 1.2.3: ok\n  built with cxx="));
  CHECK(contains(well.out, "\n0 of 1 plugins have a fault\n"));
  const Finished sick = folder.lmf({"plugin", "doctor", "acme.bad-constructor"});
  CHECK(sick.status == 1);
  CHECK(contains(sick.out, "acme.bad-constructor 1.0.0: crashed\n"));
  CHECK(contains(sick.out, "\n1 of 1 plugins has a fault\n"));
  CHECK(folder.lmf({"plugin", "doctor", "gret"}).status == 2);
  for (const char* wrong : {"--timeout=0", "--timeout=x", "--timeout=1.5", "--timeout=99999", "--timeout"})
    CHECK(folder.lmf({"plugin", "doctor", wrong}).status == 2);
  const Finished known = folder.lmf({"plugin", "doctor"}, {{"LMF_PLUGIN_PATH", "relative"}});
  CHECK(contains(known.err, "LMF_PLUGIN_PATH: 'relative' is not an absolute path"));
}

TEST_CASE("the doctor loads a plugin with the variables that its command is loaded with") {
  PluginFolder folder;
  folder.add_bad("environment");
  const Finished without = folder.lmf({"plugin", "doctor", "bad-environment"});
  CHECK(contains(without.out, "ended with status 9 while it was being loaded."));
  lmf::test::write_text(folder.path() / "bad-environment.lmf-plugin.toml",
                        lmf::test::manifest_text("bad-environment") +
                            "[[command.environment]]\nname = \"LMF_TEST_LOADED_WITH\"\nvalue = \"this\"\n");
  CHECK(folder.lmf({"bad-environment"}).status == 0);
  CHECK(folder.lmf({"plugin", "doctor", "bad-environment"}).status == 0);
}

TEST_CASE("private libraries of a plugin are looked at, too") {
  PluginFolder folder;
  folder.add_bad("status");
  std::filesystem::create_directory(folder.path() / "private");
  std::filesystem::copy_file(built_plugins() / "bad/liblmf-host-test-middle.so",
                             folder.path() / "private/libmiddle.so");
  lmf::test::write_text(folder.path() / "bad-status.lmf-plugin.toml",
                        replaced(lmf::test::manifest_text("bad-status"), "[requires]\n",
                                 "[requires]\nlibraries = [\"private/libmiddle.so\", \"private/libnot-there.so\"]\n"));
  const Finished finished = folder.lmf({"plugin", "doctor", "bad-status"});
  CHECK(finished.status == 1);
  CHECK(
      contains(replaced(finished.out, folder.text(), "$DIR"),
               "loads, but not what comes with it: $DIR/private/libmiddle.so: liblmf-host-test-gone.so: cannot open"));
  CHECK(contains(replaced(finished.out, folder.text(), "$DIR"),
                 "; $DIR/private/libnot-there.so is not there. Not found: liblmf-host-test-gone.so (needed by "
                 "libmiddle.so). Install the package 'acme-bad-status' again."));
}

TEST_CASE("a library that comes with a plugin is loaded by the doctor as the plugin would") {
  PluginFolder folder;
  folder.add_bad("status");
  const auto own = folder.path() / "private/libown.so";
  std::filesystem::create_directory(own.parent_path());
  lmf::test::write_text(folder.path() / "bad-status.lmf-plugin.toml",
                        replaced(lmf::test::manifest_text("bad-status"), "[requires]\n",
                                 "[requires]\nlibraries = [\"private/libown.so\", \"private/libc.so.6\"]\n"));
  const auto with = [&](const std::string& kind) {
    std::filesystem::copy_file(built_plugins() / ("bad/liblmf-bad-" + kind + ".so"), own,
                               std::filesystem::copy_options::overwrite_existing);
  };
  const auto is_said = [&](const std::string& status, const std::string& reason) {
    const Finished finished = folder.lmf({"plugin", "doctor", "bad-status"});
    CHECK(finished.status == 1);
    const std::string text = replaced(finished.out, folder.text(), "$DIR");
    CHECK_MESSAGE(contains(text, "acme.bad-status 1.0.0: " + status + "\n"), text);
    CHECK_MESSAGE(contains(text, reason), text);
    CHECK_MESSAGE(contains(text, "Install the package 'acme-bad-status' again."), text);
  };
  is_said("dependency", "loads, but not what comes with it: $DIR/private/libown.so is not there. Install");
  with("truncated");
  CHECK(folder.lmf({"plugin", "doctor", "bad-status"}).status == 0);  // the process has the system's libc.so.6
  std::filesystem::resize_file(own, std::filesystem::file_size(own) / 2);
  is_said("dependency", "acme.bad-status needs $DIR/private/libown.so: it is cut off: it has ");
  with("undefined");
  is_said("dependency",
          "loads, but not what comes with it: $DIR/private/libown.so: undefined symbol: "
          "lmf_test_function_that_nobody_defines. Install");
  with("constructor");
  is_said("crashed", "with its library $DIR/private/libown.so crashed (abort)");
}

TEST_CASE("who misses libtorch is sent to its package, not to the plugin's") {
  lmf::host::Plugin plugin;
  plugin.manifest.package = "acme-greet";
  CHECK(plugin.install_missing("libgreet.so, libtorch.so") == " Install the package 'acme-greet' again.");
  for (const char* missing : {"libtorch_cpu.so: cannot open shared object file", "libc10.so (needed by libtorch.so)"})
    CHECK(plugin.install_missing(missing) ==
          " Install libtorch (of lmf's packages: lmf-torch), or add its folder to LD_LIBRARY_PATH.");
}

TEST_CASE("without a process to be had nothing is loaded, and that is said") {
  PluginFolder folder;
  folder.add_bad("constructor");
  const lmf::host::Apart end = lmf::host::run_apart(
      [&]() -> std::string {
        if (forbid_processes())
          ::execl(executable().c_str(), "lmf", "--plugin-dir", folder.path().c_str(), "plugin", "doctor",
                  "bad-constructor", nullptr);
        return std::strerror(errno);
      },
      std::chrono::seconds(60));
  CHECK(end.answer.empty());
  CHECK(end.number == 1);
  CHECK(end.said.starts_with("acme.bad-constructor 1.0.0: untried\n"));
  CHECK_MESSAGE(contains(end.said, "was not tried: no process can be started (Resource temporarily unavailable)."),
                end.said);
}

TEST_CASE("info is all about one plugin, by any of its names") {
  PluginFolder folder;
  folder.add_greet();
  folder.add_manifest("alone");
  const std::string text = folder.lmf({"plugin", "info", "acme.greet"}).out;
  for (const std::string part :
       {"name          acme.greet\n", "status        ok\n", "version       1.2.3\n", "place         --plugin-dir\n",
        "abi           1.0\n", "package       acme-greet\n", "command       greet: Greet somebody (ok)\n"})
    CHECK_MESSAGE(contains(text, part), part);
  for (const char* name : {"greet", "hello"}) CHECK(folder.lmf({"plugin", "info", name}).out == text);
  const json parsed = json::parse(folder.lmf({"plugin", "info", "greet", "--json"}).out);
  CHECK(parsed.at("commands").at(0).at("aliases").at(0) == "hello");
  const Finished alone = folder.lmf({"plugin", "info", "alone"});
  CHECK(alone.status == 1);
  CHECK(contains(alone.out, "status        library-missing\nreason        "));
  const Finished unknown = folder.lmf({"plugin", "info", "gret"});
  CHECK(unknown.status == 2);
  CHECK(unknown.err == "lmf: 'gret' is not a plugin. Did you mean 'greet'?\n  'lmf plugin list' lists them\n");
  CHECK(folder.lmf({"plugin", "info"}).status == 2);
}

TEST_CASE("a library without a manifest is listed, the doctor names it, and it harms nothing") {
  PluginFolder folder;
  folder.add_greet();
  lmf::test::write_text(folder.path() / "liblmf-stray.so", "");
  const Finished list = folder.lmf({"plugin", "list"});
  CHECK(
      contains(replaced(list.out, folder.text(), "$DIR"),
               "liblmf-stray.so: no-manifest\n  $DIR/liblmf-stray.so has no manifest stray.lmf-plugin.toml beside it, "
               "so that nobody can call it. Install the plugin again, or remove the file.\n"));
  CHECK(find(json::parse(folder.lmf({"plugin", "list", "--json"}).out), "liblmf-stray.so").at("status") ==
        "no-manifest");
  const Finished sick = folder.lmf({"plugin", "doctor"});
  CHECK(sick.status == 1);
  CHECK(contains(sick.out, "liblmf-stray.so: no-manifest\n  " + folder.text() + "/liblmf-stray.so has no manifest"));
  const json plugin = find(json::parse(folder.lmf({"plugin", "doctor", "--json"}).out), "liblmf-stray.so");
  CHECK(plugin.at("status") == "no-manifest");
  CHECK(plugin.at("fault") == true);
  CHECK(folder.lmf({"help"}).err.empty());
  CHECK(folder.lmf({"plugin", "doctor", "greet"}).status == 0);
  CHECK(folder.lmf({"stray"}).status == 127);
}

TEST_CASE("what a plugin was built with is read from its file") {
  CHECK(lmf::build_tag_of(built_plugins() / "greet/liblmf-greet.so").starts_with("cxx="));
  CHECK(lmf::build_tag_of(built_plugins() / "bad/liblmf-bad-undefined.so") == "cxx=test;torch=1.0");
  CHECK(lmf::build_tag_of(built_plugins() / "bad/liblmf-bad-symbol.so").empty());
  CHECK(lmf::build_tag_of(built_plugins() / "no-such-file.so").empty());
}

TEST_CASE("what a library asks for is read from its file, at hostile offsets too") {
  const auto middle = built_plugins() / "bad/liblmf-host-test-middle.so";
  const auto needed = lmf::needed_libraries(middle);
  CHECK(std::find(needed.begin(), needed.end(), "liblmf-host-test-gone.so") != needed.end());
  const std::string good = lmf::test::file_bytes(middle);
  lmf::test::TemporaryFolder folder;
  const auto damaged = folder.path() / "damaged.so";
  for (std::size_t at = 0; at < good.size(); at += 37)
    for (const char value : {'\0', '\x7f', '\xff'}) {
      std::string bytes = good;
      bytes[at] = value;
      if (at < 1024) bytes.resize(good.size() - at);
      lmf::test::write_text(damaged, bytes);
      CHECK(lmf::needed_libraries(damaged).size() < 1000);
      CHECK(lmf::build_tag_of(damaged).size() <= 4096);
    }
}
