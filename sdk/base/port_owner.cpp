#include "base/port_owner.hpp"

#include <algorithm>
#include <cctype>
#include <filesystem>
#include <fstream>
#include <optional>
#include <sstream>

#include <fmt/format.h>

namespace lmf {
namespace {

namespace fs = std::filesystem;

/// The inode of the socket that listens on the port; the tables' columns are in proc(5): address:port in hexadecimal,
/// state 0A is LISTEN, the tenth word is the inode.
std::optional<std::string> listening_inode(const char* table, std::uint16_t port) {
  std::ifstream lines(table);
  const std::string ending = fmt::format(":{:04X}", port);
  for (std::string line; std::getline(lines, line);) {
    std::istringstream words(line);
    std::string word, local, state, inode;
    words >> word >> local >> word >> state;
    for (int column = 4; column < 10; ++column) words >> inode;
    if (words && state == "0A" && local.ends_with(ending)) return inode;
  }
  return std::nullopt;
}

bool holds(const fs::path& process, const std::string& socket) {
  std::error_code error;
  for (fs::directory_iterator entry(process / "fd", error), end; !error && entry != end; entry.increment(error)) {
    std::error_code unreadable;
    if (fs::read_symlink(entry->path(), unreadable) == socket) return true;
  }
  return false;
}

std::string name_of(const fs::path& process) {
  std::string name;
  std::getline(std::ifstream(process / "comm") >> std::ws, name);
  std::replace_if(
      name.begin(), name.end(), [](unsigned char letter) { return !std::isprint(letter); }, '?');
  return fmt::format("{} (process {})", name.empty() ? "a program" : name, process.filename().string());
}

}  // namespace

std::string port_owner(std::uint16_t port) {
  auto inode = listening_inode("/proc/net/tcp6", port);
  if (!inode) inode = listening_inode("/proc/net/tcp", port);
  if (!inode) return {};
  const std::string socket = fmt::format("socket:[{}]", *inode);
  std::error_code error;
  for (fs::directory_iterator entry("/proc", error), end; !error && entry != end; entry.increment(error)) {
    const std::string name = entry->path().filename().string();
    if (std::all_of(name.begin(), name.end(), ::isdigit) && holds(entry->path(), socket)) return name_of(entry->path());
  }
  return "a process of another user";
}

}  // namespace lmf
