#pragma once

#include <string>
#include <vector>

#include "train/launch/agent/agent.hpp"

namespace lmf::train::launch {

/// What one worker is told beside what is the same for all.
struct WorkerPlace {
  int local_rank = 0;
  int restart_count = 0;  ///< of this agent
  std::string error_file;
  std::string job;  ///< the value of LMF_JOB
};

/// The whole environment of a worker: this process's, with torchrun's contract on top and lmf's own four:
/// LMF_JOB, LMF_JOB_ID, LMF_ATTEMPT (the same on every node, unlike TORCHELASTIC_RESTART_COUNT) and LMF_STORE_PREFIX.
std::vector<std::string> worker_environment(const AgentOptions& options, const Assignment& assignment,
                                            const WorkerPlace& place);

/// Cores that this process may use.
int usable_cores();

}  // namespace lmf::train::launch
