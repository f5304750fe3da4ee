#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace lmf::host {

/// The names of the files in `folder` that begin with `beginning`, end with `ending` and have something between, in
/// the order of the file system. `error_number` is 0, or errno of what failed, and then they are not all.
/// By readdir(3): folders of PATH have thousands of files, and std::filesystem's paths take twice the time.
std::vector<std::string> file_names(const std::filesystem::path& folder, std::string_view beginning,
                                    std::string_view ending, int& error_number);

}  // namespace lmf::host
