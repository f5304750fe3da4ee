#include "base/paths.hpp"

#include <cstdlib>

#include <pwd.h>
#include <unistd.h>

#include "lmf/error.hpp"

namespace lmf {
namespace {

std::filesystem::path absolute_from_environment(const char* name) {
  const char* value = std::getenv(name);
  return value != nullptr && value[0] == '/' ? std::filesystem::path(value) : std::filesystem::path();
}

std::filesystem::path user_directory(const char* variable, const char* below_home) {
  if (const auto base = absolute_from_environment(variable); !base.empty()) return base / "lmf";
  const auto home = home_directory();
  return home.empty() ? home : home / below_home / "lmf";
}

}  // namespace

std::filesystem::path home_directory() {
  if (const auto home = absolute_from_environment("HOME"); !home.empty()) return home;
  const passwd* account = ::getpwuid(::geteuid());
  return account != nullptr && account->pw_dir != nullptr && account->pw_dir[0] == '/' ? account->pw_dir : "";
}

std::filesystem::path user_data_directory() { return user_directory("XDG_DATA_HOME", ".local/share"); }

std::filesystem::path user_config_directory() { return user_directory("XDG_CONFIG_HOME", ".config"); }

std::filesystem::path user_state_directory() { return user_directory("XDG_STATE_HOME", ".local/state"); }

std::filesystem::path user_cache_directory() {
  auto directory = user_directory("XDG_CACHE_HOME", ".cache");
  if (directory.empty())
    throw Error("there is no place for the cache: neither XDG_CACHE_HOME nor HOME is set",
                "set XDG_CACHE_HOME to a folder");
  return directory;
}

}  // namespace lmf
