#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "train/launch/agent/worker.hpp"

/// Why a worker failed, as far as a process beside it can know.
namespace lmf::train::launch {

/// How often the kernel has killed for want of memory in this process's control group (either version); 0 where it
/// does not say.
std::uint64_t out_of_memory_kills();

/// What else is known where a worker has failed.
struct Circumstances {
  std::uint64_t kills_before = 0;  ///< out_of_memory_kills() when the workers were started
  std::uint16_t master_port = 0;
  bool several_nodes = false;
  std::vector<int> at_work = {};  ///< the ranks of this node that had neither ended nor failed nor waited in vain
};

/// One sentence, or "" when nothing is known beyond the exit status.
std::string cause_of(const Ending& ending, pid_t pid, const std::vector<std::string>& last_lines,
                     const Circumstances& circumstances);

}  // namespace lmf::train::launch
