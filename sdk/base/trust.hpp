#pragma once

#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <utility>

#include <sys/stat.h>

namespace lmf {

/// Loading a library is executing it, so nobody but root, the user and (for what lies beside the executable) the
/// executable's owner may be able to write it. Looks at files and every folder above them, at each folder once.
///
/// Writable by a group counts as safe when the group is the owner's private one (same name, no other member), as in
/// systems whose umask is 002; root's never is one. A folder of root's with the sticky bit, as /tmp, is safe above
/// others; not as the file's own folder, where anybody could put a library beside it that it loads.
class TrustedPlaces {
 public:
  using Owner = std::optional<uid_t>;  ///< one who is trusted, too

  /// The sentence that says which file or folder is unsafe, or nothing. No folder of `path` may be a link; the file may
  /// be one: then what it leads to is looked at.
  std::optional<std::string> why_unsafe(const std::filesystem::path& path, Owner further_owner);
  /// The same for one of which lstat(2) has just told `status`.
  std::optional<std::string> why_unsafe(const std::filesystem::path& path, const struct stat& status,
                                        Owner further_owner);
  /// The same for a folder that such a file may lie in, or a link to it.
  std::optional<std::string> why_unsafe_place(const std::filesystem::path& place, Owner further_owner);

 private:
  std::optional<std::string> why_unsafe_place(std::string place, Owner further_owner);

  std::map<std::pair<std::string, Owner>, std::optional<std::string>> places_;  // by a folder's path
};

}  // namespace lmf
