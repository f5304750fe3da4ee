#pragma once

#include <chrono>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace lmf::host {

/// Each library that `library`, or something that it needs, asks for and the system's loader does not find, as
/// "libgone.so (needed by libmid.so)"; and versions that are too old, in the loader's words. The loader itself is asked
/// to list them (as ldd(1) does), in a process of its own and without running code of any of them. Empty: none, or a
/// loader that cannot list.
std::vector<std::string> missing_libraries(const std::filesystem::path& library, std::chrono::seconds limit);

/// The first file of libtorch that the system's loader takes for what `library` needs.
std::optional<std::filesystem::path> found_libtorch(const std::filesystem::path& library, std::chrono::seconds limit);

/// Of what `library` needs, the files in LD_LIBRARY_PATH that are cut off, or no libraries, a sentence each with a
/// space before it: the loader maps such a file and crashes in it.
std::string cut_off_libraries(const std::filesystem::path& library);

}  // namespace lmf::host
