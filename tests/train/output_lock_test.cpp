// Who may write in an output folder. flock() holds per open file, so one process can be both runs.
#include "train/launch/output_lock.hpp"

#include <fstream>
#include <optional>

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <doctest/doctest.h>
#include <fmt/format.h>

#include "base/host_name.hpp"
#include "base/log.hpp"
#include "lmf/error.hpp"
#include "support/places.hpp"

using namespace lmf;
namespace fs = std::filesystem;

namespace {

std::string refusal(const fs::path& folder, const std::string& job = {}) {
  try {
    const train::OutputLock lock(folder, job);
  } catch (const Error& problem) {
    return std::string(problem.what()) + "|" + problem.hint();
  }
  return "held";
}

/// A foreign program's hold on the file, whatever the file says.
class Held {
 public:
  Held(const fs::path& folder, const std::string& text) {
    const fs::path file = folder / ".lmf-lock";
    std::ofstream(file) << text;
    descriptor_ = ::open(file.c_str(), O_RDONLY | O_CLOEXEC);
    REQUIRE(::flock(descriptor_, LOCK_EX) == 0);
  }
  ~Held() { release(); }
  void release() { ::close(std::exchange(descriptor_, -1)); }

 private:
  int descriptor_;
};

}  // namespace

TEST_CASE("a held folder is refused with the folder, the holder and the next step; afterwards it is free") {
  const test::TemporaryFolder folder;
  const fs::path out = folder.path() / "out";
  std::optional<train::OutputLock> first;
  first.emplace(out, "");
  CHECK(refusal(out) == fmt::format("output_dir {} is in use by another run, process {} on {}|wait until it has ended, "
                                    "stop it (kill {}), or choose another output_dir",
                                    out.string(), ::getpid(), host_name(), ::getpid()));
  CHECK(refusal(out / "." / "") != "held");
  CHECK(refusal(folder.path() / "other") == "held");
  std::ofstream(out / "result") << "x";
  first.reset();
  CHECK_FALSE(fs::exists(out / ".lmf-lock"));
  CHECK(refusal(out) == "held");
}

TEST_CASE("a run that wrote nothing leaves no folder that it made") {
  const test::TemporaryFolder folder;
  fs::create_directory(folder.path() / "was-there");
  for (const char* name : {"a/b/c", "a/b/c/", "a/./b//c", "was-there/d", "was-there"})
    CHECK(refusal(folder.path() / name) == "held");
  CHECK_FALSE(fs::exists(folder.path() / "a"));
  CHECK(fs::is_empty(folder.path() / "was-there"));
}

TEST_CASE("what a killed run left is taken over, whatever it says") {
  const test::TemporaryFolder folder;
  for (const char* text : {"", "{", "[]", R"({"pid": 1, "host": "gone", "job": "j"})"}) {
    std::ofstream(folder.path() / ".lmf-lock") << text;
    CHECK(refusal(folder.path(), "j") == "held");
    CHECK(fs::is_empty(folder.path()));
  }
}

TEST_CASE("a holder that does not say who it is, or says it with control characters, is refused all the same") {
  const test::TemporaryFolder folder;
  {
    const Held held(folder.path(), "{\"pid\": \"x\"");
    CHECK(refusal(folder.path()).find("in use by another run, a process that did not sign|") != std::string::npos);
  }
  const Held held(folder.path(), R"({"pid": 7, "host": "no\u001bde"})");
  const std::string said = refusal(folder.path());
  CAPTURE(said);
  CHECK(said.find('\x1b') == std::string::npos);
  CHECK(said.find("process 7 on no") != std::string::npos);
  CHECK(said.find("(kill 7 on no") != std::string::npos);  // a number on another machine
}

TEST_CASE("an earlier attempt of the same job is waited for longer than another run") {
  const test::TemporaryFolder folder;
  Held held(folder.path(), R"({"pid": 7, "host": "elsewhere", "job": "j1"})");
  CHECK(refusal(folder.path(), "j2") != "held");
  CHECK(refusal(folder.path(), "") != "held");
  std::string said;
  log::set_sink(
      [&](log::Level, std::string_view text) {  // beyond the time after which another run is refused
        said += text;
        held.release();
      },
      log::Level::info);
  CHECK(refusal(folder.path(), "j1") == "held");
  log::set_sink({}, log::Level::off);
  CHECK(said == fmt::format("{} is still held by an earlier attempt of this job, process 7 on elsewhere: waiting for "
                            "its end",
                            folder.path().string()));
}

TEST_CASE("what is no file cannot be a lock, and is left alone") {
  const test::TemporaryFolder folder;
  const fs::path file = folder.path() / ".lmf-lock";
  const auto check = [&](const char* reason) {
    CHECK(refusal(folder.path()) == fmt::format("{} cannot show whether another run has the folder: {}|remove it when "
                                                "none has, or choose another output_dir",
                                                file.string(), reason));
    fs::remove(file);
  };
  fs::create_directory(file);
  check("Is a directory");
  std::ofstream(folder.path() / "target") << "mine";
  fs::create_symlink("target", file);
  check("Too many levels of symbolic links");
  REQUIRE(::mkfifo(file.c_str(), 0600) == 0);
  check("it is no file");
  CHECK(fs::file_size(folder.path() / "target") == 4);
}

TEST_CASE("an output folder that cannot be made is a sentence") {
  const test::TemporaryFolder folder;
  std::ofstream(folder.path() / "file") << "x";
  CHECK(refusal(folder.path() / "file/out").find("cannot create output_dir") == 0);
  CHECK(refusal(folder.path() / "file").find("output_dir") != std::string::npos);
}
