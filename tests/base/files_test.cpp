#include <doctest/doctest.h>

#include <csignal>
#include <fstream>
#include <functional>

#include <grp.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/files.hpp"
#include "support/contains.hpp"
#include "support/places.hpp"

using lmf::test::contains;
namespace fs = std::filesystem;

namespace {

std::string sentence_of(const std::function<void()>& action) {
  try {
    action();
  } catch (const lmf::Error& error) {
    return std::string(error.what()) + " / " + error.hint();
  }
  return "no error";
}

std::size_t entries(const fs::path& folder) {
  return static_cast<std::size_t>(std::distance(fs::directory_iterator(folder), fs::directory_iterator()));
}

/// What `action` says in a child process, which may take limits and identities on that this program must not keep.
std::string in_child(const std::function<std::string()>& action) {
  int ends[2];
  REQUIRE(::pipe(ends) == 0);
  const pid_t child = ::fork();
  if (child == 0) {
    const std::string said = action();
    [[maybe_unused]] const auto written = ::write(ends[1], said.data(), said.size());
    ::_exit(0);
  }
  ::close(ends[1]);
  std::string said;
  char buffer[512];
  for (ssize_t count; (count = ::read(ends[0], buffer, sizeof buffer)) > 0;)
    said.append(buffer, static_cast<std::size_t>(count));
  ::close(ends[0]);
  ::waitpid(child, nullptr, 0);
  return said;
}

}  // namespace

TEST_CASE("a file is read whole, with any bytes") {
  lmf::test::TemporaryFolder folder;
  const std::string bytes("a\0b\r\n\xff", 6);
  lmf::write_file_atomically(folder.path() / "f", bytes);
  CHECK(lmf::read_file(folder.path() / "f") == bytes);
  lmf::write_file_atomically(folder.path() / "empty", "");
  CHECK(lmf::read_file(folder.path() / "empty").empty());
  CHECK(lmf::read_file("/proc/self/status").size() > 100);  // a file that says it has 0 bytes
}

TEST_CASE("reading says what is wrong with a path") {
  lmf::test::TemporaryFolder folder;
  CHECK(contains(sentence_of([&] { lmf::read_file(folder.path() / "absent"); }), "absent: No such file"));
  CHECK(contains(sentence_of([&] { lmf::read_file(folder.path()); }), "it is a folder, not a file"));
  CHECK(contains(sentence_of([&] { lmf::read_file("/dev/zero"); }), "it is a device, not a file"));
  REQUIRE(::mkfifo((folder.path() / "pipe").c_str(), 0600) == 0);
  CHECK(contains(sentence_of([&] { lmf::read_file(folder.path() / "pipe"); }), "it is a named pipe, not a file"));
  lmf::write_file_atomically(folder.path() / "long", std::string(101, 'x'));
  CHECK(contains(sentence_of([&] { lmf::read_file(folder.path() / "long", 100); }), "it has 101 bytes, at most 100"));
  CHECK(lmf::read_file(folder.path() / "long", 101).size() == 101);
}

TEST_CASE("a map shows the file, and an empty file is an empty span") {
  lmf::test::TemporaryFolder folder;
  lmf::write_file_atomically(folder.path() / "f", "abc");
  lmf::MappedFile map(folder.path() / "f");
  REQUIRE(map.bytes().size() == 3);
  CHECK(static_cast<char>(map.bytes()[2]) == 'c');
  lmf::MappedFile moved(std::move(map));
  CHECK(moved.bytes().size() == 3);
  CHECK(map.bytes().empty());
  lmf::write_file_atomically(folder.path() / "empty", "");
  CHECK(lmf::MappedFile(folder.path() / "empty").bytes().empty());
  CHECK(contains(sentence_of([&] { lmf::MappedFile{folder.path() / "absent"}; }), "No such file"));
  CHECK(contains(sentence_of([&] { lmf::MappedFile{folder.path()}; }), "it is a folder"));
}

TEST_CASE("an uncommitted file leaves the old content and nothing else") {
  lmf::test::TemporaryFolder folder;
  lmf::write_file_atomically(folder.path() / "f", "old");
  {
    lmf::AtomicFile file(folder.path() / "f");
    file.write("half of the n");
  }
  CHECK(lmf::read_file(folder.path() / "f") == "old");
  CHECK(entries(folder.path()) == 1);
  lmf::write_file_atomically(folder.path() / "f", "new");
  CHECK(lmf::read_file(folder.path() / "f") == "new");
  CHECK(entries(folder.path()) == 1);
}

TEST_CASE("what a killed process left is removed, what is being written and what only looks like it stay") {
  lmf::test::TemporaryFolder folder;
  const fs::path file = folder.path() / "model";
  in_child([&] {
    lmf::AtomicFile abandoned(file);
    abandoned.write("half");
    std::raise(SIGKILL);
    return std::string();
  });
  REQUIRE(entries(folder.path()) == 1);
  lmf::AtomicFile alive(file);
  for (const char* name : {".env.backup", ".x.lmf-1234567", "x.lmf-123456", ".lmf-123456"})
    std::ofstream(folder.path() / name) << "the user's";
  fs::create_directory(folder.path() / ".folder.lmf-123456");
  lmf::remove_abandoned_files(folder.path());
  CHECK(entries(folder.path()) == 6);
  alive.write("whole");
  alive.commit();
  CHECK(lmf::read_file(file) == "whole");
  CHECK(entries(folder.path()) == 6);
  lmf::remove_abandoned_files(folder.path() / "missing");
}

TEST_CASE("a written file has the mode that the umask asks for") {
  lmf::test::TemporaryFolder folder;
  const mode_t mask = ::umask(027);
  lmf::write_file_atomically(folder.path() / "f", "x");
  ::umask(mask);
  struct stat status;
  REQUIRE(::stat((folder.path() / "f").c_str(), &status) == 0);
  CHECK((status.st_mode & 0777) == 0640);
}

TEST_CASE("folders and devices are not replaced") {
  lmf::test::TemporaryFolder folder;
  CHECK(contains(sentence_of([&] { lmf::AtomicFile{folder.path()}; }), "exists and is a folder"));
  CHECK(contains(sentence_of([&] { lmf::AtomicFile{"/dev/full"}; }), "exists and is a device"));
  CHECK(contains(sentence_of([&] { lmf::AtomicFile{folder.path() / "none" / "f"}; }), "No such file"));
}

TEST_CASE("a limit on file sizes is a sentence, and the old file stays") {
  lmf::test::TemporaryFolder folder;
  lmf::write_file_atomically(folder.path() / "f", "old");
  const std::string said = in_child([&] {
    std::signal(SIGXFSZ, SIG_IGN);
    const rlimit limit{1024, 1024};
    ::setrlimit(RLIMIT_FSIZE, &limit);
    return sentence_of([&] { lmf::write_file_atomically(folder.path() / "f", std::string(5000, 'x')); });
  });
  CHECK_MESSAGE(contains(said, "File too large / raise the limit on file sizes"), said);
  CHECK(lmf::read_file(folder.path() / "f") == "old");
  CHECK(entries(folder.path()) == 1);
}

TEST_CASE("a folder without the right to write is a sentence") {
  lmf::test::TemporaryFolder folder;
  REQUIRE(::chmod(folder.path().c_str(), 0555) == 0);
  const std::string said = in_child([&] {
    if (::geteuid() == 0 && (::setgroups(0, nullptr) != 0 || ::setgid(65534) != 0 || ::setuid(65534) != 0))
      return std::string("cannot drop rights");
    return sentence_of([&] { lmf::write_file_atomically(folder.path() / "f", "x"); });
  });
  ::chmod(folder.path().c_str(), 0755);
  CHECK_MESSAGE(contains(said, "Permission denied / check its owner and mode"), said);
}

TEST_CASE("a full disk says how much was needed and is free") {
  lmf::test::TemporaryFolder folder;
  // A disk of 64 KiB in a mount namespace of the child's own: works for any user where the kernel lets users make one.
  const std::string said = in_child([&] {
    const int spaces = CLONE_NEWNS | (::geteuid() == 0 ? 0 : CLONE_NEWUSER);
    if (::unshare(spaces) != 0 || ::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0 ||
        ::mount("tmpfs", folder.path().c_str(), "tmpfs", 0, "size=64k") != 0)
      return std::string("no mount");
    lmf::write_file_atomically(folder.path() / "f", "old");
    const std::string sentence =
        sentence_of([&] { lmf::write_file_atomically(folder.path() / "f", std::string(1 << 20, 'x')); });
    return sentence + " / " + lmf::read_file(folder.path() / "f") + " / " + std::to_string(entries(folder.path()));
  });
  if (said == "no mount") {
    MESSAGE("not tried: this machine lets nobody mount a small disk here");
    return;
  }
  CHECK_MESSAGE(contains(said, "the disk is full ("), said);
  CHECK_MESSAGE(contains(said, "more bytes needed, 0 free) / free some space"), said);
  CHECK_MESSAGE(contains(said, "/ old / 1"), said);
}
