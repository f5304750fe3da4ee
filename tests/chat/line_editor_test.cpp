// The editor is run in a child process at the other end of a pseudo-terminal: this program, started with
// LMF_TEST_EDITOR_HISTORY set. With LMF_TEST_EDITOR_GATE, a named pipe, it begins once something opens that; with
// LMF_TEST_EDITOR_BROKEN, it cannot wait for keys.
#include "line_editor.hpp"

#include <cerrno>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iterator>

#include <doctest/doctest.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "chat/program.hpp"
#include "interrupts.hpp"
#include "lmf/error.hpp"
#include "support/places.hpp"

using lmf::chat::Interrupts;
using lmf::chat::LineEditor;
using lmf::test::TerminalProgram;

namespace {

/// From now on the kernel answers EINVAL where poll() is called.
void refuse_to_wait() {
  sock_filter rules[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
#ifdef SYS_poll
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_poll, 1, 0),
#endif
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_ppoll, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EINVAL),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  };
  const sock_fprog program{std::size(rules), rules};
  ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
  ::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program);
}

/// Prints each line in brackets, until `exit`, the end of input or SIGTERM.
int echo_lines(const std::filesystem::path& history) {
  if (const char* gate = std::getenv("LMF_TEST_EDITOR_GATE")) std::ifstream(gate).get();
  Interrupts interrupts;
  LineEditor editor(history, interrupts);
  if (std::getenv("LMF_TEST_EDITOR_BROKEN")) refuse_to_wait();
  for (std::string line;;) {
    interrupts.clear();
    if (const int signal = interrupts.pending()) return 128 + signal;
    switch (editor.read("> ", line)) {
      case LineEditor::End::closed:
        std::puts("[closed]");
        return 0;
      case LineEditor::End::interrupted:
        std::puts("[interrupted]");
        break;
      case LineEditor::End::line:
        editor.remember(line);
        std::printf("[%s]\n", line.c_str());
        if (line == "exit") return 0;
    }
    std::fflush(stdout);
  }
}

int run_child(const std::filesystem::path& history) {
  try {
    return echo_lines(history);
  } catch (const lmf::Error& error) {
    std::printf("[failed: %s]\n", error.what());
    return 1;
  }
}

// Runs before main(): the child is no test.
[[maybe_unused]] const bool kIsChild = [] {
  if (const char* history = std::getenv("LMF_TEST_EDITOR_HISTORY")) std::exit(run_child(history));
  return true;
}();

TerminalProgram start(const std::filesystem::path& history,
                      std::vector<std::pair<std::string, std::string>> environment = {}) {
  environment.insert(environment.end(), {{"LMF_TEST_EDITOR_HISTORY", history}, {"LC_ALL", "C"}});
  return TerminalProgram({std::filesystem::read_symlink("/proc/self/exe")}, environment);
}

}  // namespace

TEST_CASE("a line can be edited, in UTF-8 whatever the locale is") {
  const lmf::test::TemporaryFolder folder;
  auto program = start(folder.path() / "history");
  REQUIRE(program.shows("> "));
  program.type("Grüße 東京x\x7f\n");  // the last letter is deleted again
  CHECK(program.shows("[Grüße 東京]"));
  program.type(
      "bc\x01"
      "a\n");  // Ctrl-A: to the line's begin
  CHECK(program.shows("[abc]"));
  program.type("\x04");
  CHECK(program.shows("[closed]"));
  CHECK(program.status() == 0);
}

TEST_CASE("what is pasted goes into the line as it is, its newlines too") {
  const lmf::test::TemporaryFolder folder;
  auto program = start(folder.path() / "history");
  REQUIRE(program.shows("\x1b[?2004h"));
  program.type("a: \x1b[200~one\rzw\u00f6lf\n\x01\x1b[Athree\x1b[201~!\n");
  CHECK(program.shows("[a: one"));
  CHECK(program.shows("zw\u00f6lf"));
  CHECK(program.shows("three!]"));
  program.type("exit\n");
  CHECK(program.shows("[exit]"));
  CHECK(program.status() == 0);
}

TEST_CASE("keys that a terminal sends as several characters move, or do nothing: none leaves text behind") {
  const lmf::test::TemporaryFolder folder;
  auto program = start(folder.path() / "history");
  REQUIRE(program.shows("> "));
  program.type("one two\x1b[1;5Da \n");  // Control and left
  CHECK(program.shows("[one a two]"));
  program.type("two\x1b[1;5D\x1b[1;5Done \x1b[1;5C!\n");
  CHECK(program.shows("[one two!]"));
  program.type(
      "a\x1b[15~b\x1b[2~c\x1b[5~d\x1b[24;2~e\x1b[3;5~\n");  // F5, Insert, Page Up, Shift and F12, Control and Delete
  CHECK(program.shows("[abcde]"));
}

TEST_CASE("history outlives the program, in a file that only its owner can read") {
  const lmf::test::TemporaryFolder folder;
  const auto history = folder.path() / "state/lmf/history";
  {
    auto program = start(history);
    REQUIRE(program.shows("> "));
    program.type("remember me\nexit\n");
    CHECK(program.status() == 0);
  }
  struct stat status {};
  REQUIRE(::stat(history.c_str(), &status) == 0);
  CHECK((status.st_mode & 0777) == 0600);
  auto program = start(history);
  REQUIRE(program.shows("> "));
  program.type("\x10\x10\n");  // Ctrl-P, twice: the line before `exit`
  CHECK(program.shows("[remember me]"));
}

TEST_CASE("without a place for its history, the editor works all the same") {
  auto program = start("/proc/nowhere/history");
  REQUIRE(program.shows("> "));
  program.type("one\n");
  CHECK(program.shows("[one]"));
  program.type("\x10\n");
  CHECK(program.shows("[one]"));
}

TEST_CASE("keys typed before the first prompt count: Ctrl-P and Ctrl-D too") {
  const lmf::test::TemporaryFolder folder;
  const auto gate = folder.path() / "gate";
  REQUIRE(::mkfifo(gate.c_str(), 0600) == 0);
  auto program = start(folder.path() / "history", {{"LMF_TEST_EDITOR_GATE", gate}});
  program.type("one\n\x10\n\x04");
  std::ofstream(gate).put('\n');
  CHECK(program.shows("[one]"));
  CHECK(program.shows("[one]"));
  CHECK(program.shows("[closed]"));
  CHECK(program.status() == 0);
}

TEST_CASE("keys typed at once for several prompts count one after the other") {
  const lmf::test::TemporaryFolder folder;
  auto program = start(folder.path() / "history");
  REQUIRE(program.shows("> "));
  program.type(
      "bc\x01"
      "a\nsecond\n\x10\x10\n\x04");
  CHECK(program.shows("[abc]"));
  CHECK(program.shows("[second]"));
  CHECK(program.shows("[abc]"));
  CHECK(program.shows("[closed]"));
  CHECK(program.status() == 0);
}

TEST_CASE("the terminal hands over single keys before the prompt is seen, and is as it was at the end") {
  const lmf::test::TemporaryFolder folder;
  auto program = start(folder.path() / "history");
  REQUIRE(program.shows("> "));
  CHECK((program.mode().c_lflag & (ICANON | ECHO)) == 0);
  program.type("one\n");
  REQUIRE(program.shows("[one]"));
  CHECK((program.mode().c_lflag & (ICANON | ECHO)) == 0);
  program.type("exit\nfor the shell\n");
  REQUIRE(program.shows("[exit]"));
  CHECK(program.status() == 0);
  CHECK((program.mode().c_lflag & (ICANON | ECHO)) == (ICANON | ECHO));
}

TEST_CASE("stopped and continued, the program takes the terminal back and shows the line again") {
  const lmf::test::TemporaryFolder folder;
  auto program = start(folder.path() / "history");
  const auto cooked = program.mode();
  REQUIRE(program.shows("> "));
  program.type("half");
  REQUIRE(program.shows("half"));
  program.send(SIGSTOP);
  program.set_mode(cooked);
  program.send(SIGCONT);
  REQUIRE(program.shows("> half"));
  program.type("\x01whole \n");
  CHECK(program.shows("[whole half]"));
}

TEST_CASE("Ctrl-C drops the line, SIGTERM ends the program with its status") {
  const lmf::test::TemporaryFolder folder;
  auto program = start(folder.path() / "history");
  REQUIRE(program.shows("> "));
  program.type("half a line");
  REQUIRE(program.shows("half a line"));
  program.type("\x03");
  CHECK(program.shows("[interrupted]"));
  REQUIRE(program.shows("> "));
  program.type("whole\n");
  CHECK(program.shows("[whole]"));
  REQUIRE(program.shows("> "));
  program.send(SIGTERM);
  CHECK(program.status() == 128 + SIGTERM);
}

TEST_CASE("what goes wrong while a key is waited for comes out as an error, and the terminal is as it was") {
  const lmf::test::TemporaryFolder folder;
  auto program = start(folder.path() / "history", {{"LMF_TEST_EDITOR_BROKEN", "1"}});
  CHECK(program.shows("[failed: input cannot be waited for: Invalid argument]"));
  CHECK(program.status() == 1);
  CHECK((program.mode().c_lflag & (ICANON | ECHO)) == (ICANON | ECHO));
}
