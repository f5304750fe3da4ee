#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include <sys/types.h>

namespace lmf {

/// What a file of that mode is that is no regular one: "a folder", "a named pipe".
const char* file_kind(mode_t mode);

/// What `path` is when it is no regular file, and no link to one, to be said after its name: "is not there", "is a
/// folder", "is a link to /gone, which is not there". Opens nothing: a named pipe would be waited for.
std::optional<std::string> why_no_file(const std::filesystem::path& path);

}  // namespace lmf
