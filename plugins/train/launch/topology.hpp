#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "lmf/error.hpp"
#include "train/launch/agent/rendezvous.hpp"
#include "train/launch/devices.hpp"
#include "train/launch/variables.hpp"

namespace lmf::train {

/// How many processes train, and who starts them.
struct Topology {
  enum class Kind {
    in_process,  ///< this process, alone
    worker,      ///< this process, as one of those that a launcher has started
    agent        ///< processes that this one starts
  } kind = Kind::in_process;
  std::string why;  ///< "2 workers on this node (2 GPUs)": the line at the start

  /// Why this task starts nothing. The other tasks may not see it and come: they have to hear of it, at the place that
  /// the rest of the topology says.
  std::optional<Error> refusal;

  std::string warning;  ///< what is likely to be meant otherwise; "" for nothing
  void add_warning(const std::string& text) { warning += (warning.empty() ? "" : "; ") + text; }

  /// Of a worker of srun or mpirun: torchrun's names for its place, to be set.
  std::vector<std::pair<std::string, std::string>> variables;

  // Of an agent:
  int workers = 1;  ///< on this node
  int max_restarts = 0;
  launch::RendezvousOptions rendezvous;
};

/// LLaMA-Factory's rules for its variables (FORCE_TORCHRUN, NNODES, NODE_RANK, NPROC_PER_NODE, MASTER_ADDR,
/// MASTER_PORT, RDZV_ID, MIN_NNODES, MAX_NNODES, MAX_RESTARTS), and other launchers: whoever already started this
/// process as one of several is not started over. Throws Error(kExitUsage) for contradictions; those with what the
/// other launcher says of this task are in the result.
Topology decide_topology(const Environment& environment, const launch::Devices& devices, bool use_cpu);

/// The environment with what the topology says of a worker's place.
Environment placed(const Topology& topology, Environment environment);

/// This process's rank, and how many there are, or would be with as many workers on every node as on this one.
struct Ranks {
  int rank = 0, count = 1;
};
Ranks ranks_of(const Topology& topology, const Environment& environment);

/// PYTORCH_CUDA_ALLOC_CONF and TORCH_NCCL_AVOID_RECORD_STREAMS, unless the user has set them or OPTIM_TORCH is off.
std::vector<std::pair<std::string, std::string>> torch_tuning(const Environment& environment);

}  // namespace lmf::train
