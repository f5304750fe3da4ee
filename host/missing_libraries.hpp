#pragma once

#include <chrono>
#include <filesystem>
#include <string>
#include <vector>

namespace lmf::host {

/// Each library that `library`, or something that it needs, asks for and the system's loader does not find, as
/// "libgone.so (needed by libmid.so)"; and versions that are too old, in the loader's words. The loader itself is asked
/// to list them (as ldd(1) does), in a process of its own and without running code of any of them. Empty: none, or a
/// loader that cannot list.
std::vector<std::string> missing_libraries(const std::filesystem::path& library, std::chrono::seconds limit);

/// The files that the system's loader takes for what `library` needs, and for what those need.
std::vector<std::filesystem::path> found_libraries(const std::filesystem::path& library, std::chrono::seconds limit);

}  // namespace lmf::host
