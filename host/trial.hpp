#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "host/plugin.hpp"

namespace lmf::host {

/// What came of loading a plugin, and the libraries that come with it, in a process of its own.
struct Trial {
  Verdict verdict;
  std::string build_tag;             ///< of one that loads
  std::vector<std::string> missing;  ///< libraries that were not found, see missing_libraries()
};

/// Loads a plugin whose status is ok in a child process, never in this one, and then the libraries that its manifest
/// names as its own. Status::untried when there is no process to be had.
Trial try_to_load(const Plugin& plugin, std::chrono::seconds limit);

}  // namespace lmf::host
