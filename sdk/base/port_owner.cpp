#include "base/port_owner.hpp"

#include <algorithm>
#include <cctype>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <optional>
#include <sstream>
#include <thread>

#include <unistd.h>

#include <fmt/format.h>

namespace lmf {
namespace {

namespace fs = std::filesystem;

constexpr int kLooks = 20;
constexpr std::chrono::milliseconds kBetweenLooks{10};

struct Listening {
  std::string user, inode;
};

/// The socket that listens on the port; the tables' columns are in proc(5): address:port in hexadecimal, state 0A is
/// LISTEN, the eighth word is the user, the tenth the inode.
std::optional<Listening> listening_in(const char* table, std::uint16_t port) {
  std::ifstream lines(table);
  const std::string ending = fmt::format(":{:04X}", port);
  for (std::string line; std::getline(lines, line);) {
    std::istringstream words(line);
    std::string word, local, state;
    Listening found;
    words >> word >> local >> word >> state;
    for (int column = 4; column < 8; ++column) words >> found.user;
    for (int column = 8; column < 10; ++column) words >> found.inode;
    if (words && state == "0A" && local.ends_with(ending)) return found;
  }
  return std::nullopt;
}

std::optional<Listening> listening_on(std::uint16_t port) {
  const auto found = listening_in("/proc/net/tcp6", port);
  return found ? found : listening_in("/proc/net/tcp", port);
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

/// "" when none of those that may be looked into does.
std::string holder_of(const std::string& inode) {
  const std::string socket = fmt::format("socket:[{}]", inode);
  std::error_code error;
  for (fs::directory_iterator entry("/proc", error), end; !error && entry != end; entry.increment(error)) {
    const std::string name = entry->path().filename().string();
    if (std::all_of(name.begin(), name.end(), ::isdigit) && holds(entry->path(), socket)) return name_of(entry->path());
  }
  return {};
}

}  // namespace

std::string port_owner(std::uint16_t port) {
  for (int look = 0; look < kLooks; ++look) {
    const auto listening = listening_on(port);
    if (!listening) return {};
    if (const std::string holder = holder_of(listening->inode); !holder.empty()) return holder;
    if (listening->user != std::to_string(::geteuid()) && ::geteuid() != 0)
      return fmt::format("a process of user {}", listening->user);
    std::this_thread::sleep_for(kBetweenLooks);  // it may just have ended
  }
  return "a process that is not to be seen from here";
}

}  // namespace lmf
