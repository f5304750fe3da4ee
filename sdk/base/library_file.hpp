#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace lmf {

/// Says when a library file ends before its own headers say it does ("it is cut off: ..."). The system's loader maps
/// such a file and crashes in it, as after an interrupted copy. Anything else that is wrong with a file, the loader
/// says itself.
std::optional<std::string> why_cut_off(const std::filesystem::path& path);

/// What can be told without loading: "it is no shared library of this machine" or that it is cut off. Throws Error when
/// the file cannot be read.
std::optional<std::string> why_no_library(const std::filesystem::path& path);

/// The names of the libraries that it asks for (DT_NEEDED); none where the file does not hold together. Throws Error
/// when it cannot be read.
std::vector<std::string> needed_libraries(const std::filesystem::path& path);

}  // namespace lmf
