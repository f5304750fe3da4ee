#include "external_editor.hpp"

#include <cerrno>
#include <cstdlib>
#include <filesystem>

#include <sys/wait.h>
#include <unistd.h>

#include "base/files.hpp"
#include "lmf/error.hpp"

namespace lmf::chat {

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
  // In the environment, so that no letter of the path can mean something to the shell.
  ::setenv("LMF_CHAT_MESSAGE", file.c_str(), 1);
  const int status = std::system("${VISUAL:-${EDITOR:-vi}} \"$LMF_CHAT_MESSAGE\"");
  ::unsetenv("LMF_CHAT_MESSAGE");
  if (WIFEXITED(status) && WEXITSTATUS(status) == 127)
    throw Error("the editor could not be started", "set EDITOR to the one you use");
  if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) return std::nullopt;
  std::string changed = read_file(file, std::uint64_t{16} << 20);
  while (changed.ends_with('\n')) changed.pop_back();
  return changed;
}

}  // namespace lmf::chat
