#include "external_editor.hpp"

#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <filesystem>

#include <spawn.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include "base/files.hpp"
#include "lmf/error.hpp"

namespace lmf::chat {
namespace {

/// The terminal as programs expect it, which the line editor has set for itself.
class PlainTerminal {
 public:
  PlainTerminal() : changed_(::tcgetattr(STDIN_FILENO, &before_) == 0) {
    if (!changed_) return;
    termios plain = before_;
    plain.c_lflag |= ICANON | ECHO | ISIG | IEXTEN;
    plain.c_iflag |= ICRNL;
    plain.c_oflag |= OPOST;
    ::tcsetattr(STDIN_FILENO, TCSADRAIN, &plain);
  }
  ~PlainTerminal() {
    if (changed_) ::tcsetattr(STDIN_FILENO, TCSADRAIN, &before_);
  }
  PlainTerminal(const PlainTerminal&) = delete;
  PlainTerminal& operator=(const PlainTerminal&) = delete;

 private:
  termios before_{};
  bool changed_;
};

/// How it ended, as waitpid() tells. Ctrl-C and Ctrl-\ are the editor's meanwhile.
int run_editor(const std::filesystem::path& file) {
  const PlainTerminal plain;
  struct sigaction ignored {
  }, quit;
  ignored.sa_handler = SIG_IGN;
  ::sigaction(SIGQUIT, &ignored, &quit);
  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  sigset_t defaults;
  sigemptyset(&defaults);
  for (const int signal : {SIGINT, SIGQUIT, SIGTERM, SIGHUP, SIGPIPE, SIGCONT}) sigaddset(&defaults, signal);
  posix_spawnattr_setsigdefault(&attributes, &defaults);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGDEF);
  // The path is an argument: no letter of it means something to the shell.
  std::string words[] = {"sh", "-c", "${VISUAL:-${EDITOR:-vi}} \"$1\"", "sh", file};
  char* arguments[] = {words[0].data(), words[1].data(), words[2].data(), words[3].data(), words[4].data(), nullptr};
  pid_t editor = 0;
  const int failed = ::posix_spawn(&editor, "/bin/sh", nullptr, &attributes, arguments, environ);
  posix_spawnattr_destroy(&attributes);
  int status = 0;
  while (failed == 0 && ::waitpid(editor, &status, 0) < 0 && errno == EINTR) {
  }
  ::sigaction(SIGQUIT, &quit, nullptr);
  if (failed != 0) throw Error(std::string("the editor could not be started: ") + std::strerror(failed));
  return status;
}

}  // namespace

std::optional<std::string> edit_text(const std::string& text) {
  std::string folder = std::filesystem::temp_directory_path() / "lmf-chat-XXXXXX";
  if (::mkdtemp(folder.data()) == nullptr) throw file_error("create a folder like", folder, errno);
  struct Removed {
    std::filesystem::path folder;
    ~Removed() {
      std::error_code ignored;
      std::filesystem::remove_all(folder, ignored);
    }
  } const removed{folder};
  const auto file = removed.folder / "message.txt";
  write_file_atomically(file, text);
  const int status = run_editor(file);
  if (WIFEXITED(status) && WEXITSTATUS(status) == 127)
    throw Error("the editor could not be started", "set EDITOR to the one you use");
  if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) return std::nullopt;
  std::string changed = read_file(file, std::uint64_t{16} << 20);
  while (changed.ends_with('\n')) changed.pop_back();
  return changed;
}

}  // namespace lmf::chat
