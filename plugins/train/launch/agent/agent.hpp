#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "train/launch/agent/rendezvous.hpp"
#include "train/launch/agent/worker_output.hpp"

namespace lmf::train::launch {

using Variables = std::vector<std::pair<std::string, std::string>>;

/// What an agent is to do.
struct AgentOptions {
  std::string name;                    ///< of what is run, for messages: "train.py"
  std::vector<std::string> words;      ///< a worker's program and arguments
  bool substitute_local_rank = false;  ///< $local_rank and ${local_rank} in the arguments
  bool virtual_local_rank = false;     ///< LOCAL_RANK is 0 everywhere, each worker sees one device
  Variables variables;                 ///< set in the workers besides those of the launcher
  int workers = 1;                     ///< of this node
  std::string role = "default";
  int max_restarts = 0;
  std::chrono::milliseconds grace{30'000};  ///< between telling workers to stop and killing them
  /// The same for those that do nothing meanwhile, when others have failed: they wait for these. None: no less.
  std::optional<std::chrono::milliseconds> idle_grace{5'000};
  bool hear_of_loss = false;       ///< the workers are lmf's: they know kAttemptIsLost
  std::vector<int> signals;        ///< that tell the agent to stop
  bool torchrun_statuses = false;  ///< 1 for every failure
  std::string refusal;             ///< why no worker can be started here: the other nodes are to hear of it
  LogSettings logs;
  std::string log_folder;  ///< "": a temporary one
  RendezvousOptions rendezvous;
};

/// Brings the nodes together, starts the workers of this one, watches them, and starts them again as often as allowed.
/// Returns the exit status: the first failing worker's own, 128+n when it or the agent was ended by signal n, or
/// torchrun's. When it returns, nothing that it started is left.
int run_agent(const AgentOptions& options);

}  // namespace lmf::train::launch
