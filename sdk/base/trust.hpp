#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include <sys/types.h>

namespace lmf {

/// Loading a library is executing it, so nobody but root, the user and (for what lies beside the executable) the
/// executable's owner may be able to write it. Checks the file and every folder above it; returns the sentence that
/// says which one is unsafe, or nothing.
///
/// Writable by a group counts as safe when the group is the owner's private one (same name, no other member), as in
/// systems whose umask is 002. A folder of root's with the sticky bit, as /tmp, is safe above others; not as the file's
/// own folder, where anybody could put a library beside it that it loads. `path` must be resolved (no links in it).
std::optional<std::string> why_unsafe(const std::filesystem::path& path, std::optional<uid_t> further_owner);

/// The same for a folder that such a file may lie in, or a link to it.
std::optional<std::string> why_unsafe_place(const std::filesystem::path& place, std::optional<uid_t> further_owner);

/// The same for every file in `folder`, links followed: libraries that others load by themselves. Nothing when there is
/// no such folder.
std::optional<std::string> why_unsafe_folder(const std::filesystem::path& folder, std::optional<uid_t> further_owner);

}  // namespace lmf
