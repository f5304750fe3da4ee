#pragma once

#include <filesystem>
#include <vector>

#include "host/catalogue.hpp"

namespace lmf::host {

/// What is known of a plugin without loading it: its own status or, when that is ok, the first fault of one of its
/// commands, or of its tables of options, which are read for that.
Verdict overall_status(const Catalogue& catalogue, const Plugin& plugin);

/// What is odd in its manifest, or whose its aliases are, and keeps no command from running, a sentence each.
std::vector<std::string> remarks(const Catalogue& catalogue, const Plugin& plugin);

/// A library that looks like a plugin's and has no manifest.
struct StrayLibrary {
  std::filesystem::path library;
  Verdict verdict;
};
std::vector<StrayLibrary> stray_libraries(const Catalogue& catalogue);

std::vector<std::string> command_names(const Plugin& plugin);

}  // namespace lmf::host
