#pragma once

#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include <sys/types.h>

#include "host/environment.hpp"

namespace lmf::host {

/// Where a folder of plugins comes from, in search order.
enum class Place { given, environment, beside, user, local, system };

/// "--plugin-dir", "LMF_PLUGIN_PATH", "beside the executable", ...
std::string_view description(Place place);

struct SearchFolder {
  std::filesystem::path path;  ///< absolute and resolved
  Place place;
  std::optional<uid_t> further_owner;  ///< beside the executable: its owner is trusted too
};

/// The folders that exist, best first, each once (by device and inode). One that is named twice keeps its first rank
/// and counts as the more settled of its places, so that a worker which is given all folders by name trusts the same
/// ones. Never the current directory: relative entries of LMF_PLUGIN_PATH, and those that are no folders, are skipped
/// and said in `notices`; a --plugin-dir that is no folder throws Error (exit 2).
std::vector<SearchFolder> search_folders(const Environment& environment, std::span<const std::string> given,
                                         std::vector<std::string>& notices);

/// The names of one folder's manifests, sorted; at most 512, more are said in `notices`.
std::vector<std::string> manifests_in(const SearchFolder& folder, std::vector<std::string>& notices);

}  // namespace lmf::host
