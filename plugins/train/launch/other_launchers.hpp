#pragma once

#include <optional>
#include <string>
#include <vector>

#include "train/launch/variables.hpp"

namespace lmf::train {

/// This process as one task of another launcher: srun, mpirun, flux.
struct Task {
  std::string launcher;  ///< "srun", for messages
  std::string evidence;  ///< "SLURM_PROCID=3"
  int rank = 0, size = 1;
  int local_rank = 0, local_size = 1;
  int node = 0, nodes = 1;
  std::string first_host;  ///< where rank 0 is; "": the launcher does not say
  int port = 0;            ///< that all tasks agree on without talking to each other
};

/// The innermost of them, as mpirun within a SLURM job is. Throws Error(kExitUsage) when RANK or WORLD_SIZE say
/// something else. Without a task that shares its job with others: none.
std::optional<Task> task_of_another_launcher(const Environment& environment);

/// The hosts of SLURM's "a[01-03,7],b": bounded; stops at what it does not understand.
std::vector<std::string> slurm_hosts(std::string_view list, std::size_t most = 4096);

/// "2(x3),1" says that nodes 0 to 2 have two tasks each and node 3 has one; 0 when it does not say.
int slurm_tasks_on(std::string_view tasks_per_node, int node);

/// A port from 10000 to 29999 that is the same for all who know the text.
int port_from(std::string_view text);

}  // namespace lmf::train
