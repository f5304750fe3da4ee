#include "base/trust.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>

#include <grp.h>
#include <pwd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fmt/format.h>

#include "base/shell_word.hpp"

namespace lmf {

namespace fs = std::filesystem;

namespace {

std::string user_name(uid_t user) {
  const passwd* account = ::getpwuid(user);
  return account != nullptr ? account->pw_name : fmt::format("user {}", user);
}

bool is_private_group(uid_t owner, gid_t group) {
  if (group == 0) return false;  // other accounts have it, too: operator and sync, and any user of a container
  const passwd* account = ::getpwuid(owner);
  if (account == nullptr || account->pw_gid != group) return false;
  const std::string name = account->pw_name;
  const struct group* entry = ::getgrgid(group);
  if (entry == nullptr || name != entry->gr_name) return false;
  for (char** member = entry->gr_mem; *member != nullptr; ++member)
    if (name != *member) return false;
  return true;
}

std::optional<std::string> cannot_check(const fs::path& path, const std::string& reason) {
  return fmt::format("cannot check {}: {}", path.string(), reason);
}

std::optional<std::string> judge(const fs::path& path, const struct stat& status, bool may_be_sticky,
                                 TrustedPlaces::Owner further_owner) {
  const uid_t owner = status.st_uid;
  if (owner != 0 && owner != ::geteuid() && owner != further_owner)
    return fmt::format(
        "{} belongs to {}, who could change what it does. Make a copy of your own, or run as root: "
        "chown root {}",
        path.string(), user_name(owner), shell_word(path.native()));
  const mode_t mode = status.st_mode;
  const bool shared_folder = may_be_sticky && owner == 0 && (mode & S_ISVTX) != 0;
  if (shared_folder) return std::nullopt;
  if ((mode & S_IWOTH) != 0)
    return fmt::format("{} (mode {:04o}) can be written by everybody. Run: chmod o-w {}", path.string(), mode & 07777,
                       shell_word(path.native()));
  if ((mode & S_IWGRP) != 0 && !is_private_group(owner, status.st_gid))
    return fmt::format("{} (mode {:04o}) can be written by its group. Run: chmod g-w {}", path.string(), mode & 07777,
                       shell_word(path.native()));
  return std::nullopt;
}

std::optional<std::string> check_place(const fs::path& place, TrustedPlaces::Owner further_owner) {
  for (fs::path folder = place;; folder = folder.parent_path()) {
    struct stat status;
    if (::lstat(folder.c_str(), &status) != 0) return cannot_check(folder, std::strerror(errno));
    if (auto reason = judge(folder, status, folder != place, further_owner)) return reason;
    if (folder == folder.root_path()) return std::nullopt;
  }
}

}  // namespace

std::optional<std::string> TrustedPlaces::why_unsafe(const fs::path& path, Owner further_owner) {
  struct stat status;
  if (::lstat(path.c_str(), &status) != 0) return cannot_check(path, std::strerror(errno));
  return why_unsafe(path, status, further_owner);
}

std::optional<std::string> TrustedPlaces::why_unsafe(const fs::path& path, const struct stat& status,
                                                     Owner further_owner) {
  if (S_ISLNK(status.st_mode)) {
    std::error_code failed;
    const fs::path target = fs::canonical(path, failed);
    return failed ? cannot_check(path, failed.message()) : why_unsafe(target, further_owner);
  }
  if (auto reason = judge(path, status, false, further_owner)) return reason;
  const std::string& text = path.native();
  return why_unsafe_place(text.substr(0, std::max<std::size_t>(1, text.rfind('/'))), further_owner);
}

std::optional<std::string> TrustedPlaces::why_unsafe_place(const fs::path& place, Owner further_owner) {
  return why_unsafe_place(place.native(), further_owner);
}

std::optional<std::string> TrustedPlaces::why_unsafe_place(std::string place, Owner further_owner) {
  const auto [known, is_new] = places_.try_emplace({std::move(place), further_owner});
  if (is_new) known->second = check_place(known->first.first, further_owner);
  return known->second;
}

}  // namespace lmf
