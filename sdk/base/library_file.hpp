#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace lmf {

/// What can be told without loading: "it is no shared library of this machine", of which the system's loader says that
/// there is no such file, or that it is cut off, as after an interrupted copy: the loader maps such a file and crashes
/// in it. Throws Error when the file cannot be read.
std::optional<std::string> why_no_library(const std::filesystem::path& path);

/// The names of the libraries that it asks for (DT_NEEDED); none where the file does not hold together. Throws Error
/// when it cannot be read.
std::vector<std::string> needed_libraries(const std::filesystem::path& path);

/// `library`, where it is a file, and what it needs in turn, as far as its own folder has that: libraries that were
/// installed with it. What cannot be read is said to need nothing. No folder of a result is a link; none when there is
/// no such folder.
std::vector<std::filesystem::path> libraries_installed_with(const std::filesystem::path& library);

/// The build tag that lmf_add_plugin() leaves in the file (see lmf/abi.h), readable also where loading fails; "" for a
/// library without one, or that cannot be read.
std::string build_tag_of(const std::filesystem::path& path);

}  // namespace lmf
