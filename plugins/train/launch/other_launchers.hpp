#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "train/launch/variables.hpp"

namespace lmf::train {

/// What a launcher says of a task, under the name that torchrun or LLaMA-Factory has for it.
struct Claim {
  const char* name;      ///< "NNODES"
  int value;             ///< 2
  std::string evidence;  ///< "SLURM_STEP_NUM_NODES=2"
};

/// This process as one task of another launcher: srun, mpirun, flux.
struct Task {
  std::string launcher;  ///< "srun", for messages
  std::string evidence;  ///< "SLURM_PROCID=3"
  int rank = 0, size = 1;
  int local_rank = 0, local_size = 1;
  int node = 0, nodes = 1;
  std::string first_host;  ///< where rank 0 is; "": the launcher does not say
  int port = 0;            ///< that all tasks agree on without talking to each other
  /// Only what it really says: of the numbers above some may be worked out from others.
  std::vector<Claim> claims;

  bool one_on_each_node() const { return size == nodes; }
  void claim(const char* name, int value, std::string said) { claims.push_back({name, value, std::move(said)}); }
};

/// The innermost of them, as mpirun within a SLURM job is. Throws WrongVariable when RANK, WORLD_SIZE, LOCAL_RANK,
/// LOCAL_WORLD_SIZE or, in a job without RDZV_ID, NNODES or NODE_RANK say something else. Without a task that shares
/// its job with others: none.
std::optional<Task> task_of_another_launcher(const Environment& environment);

/// Whether there is such a launcher, whatever else it and the variables say.
bool is_task_of_another_launcher(const Environment& environment);

/// Of a launcher that numbers this process, but does not say which it is on its node, so that it is no Task:
/// "PMI_RANK=1 of PMI_SIZE=2"; "" without one.
std::string numbers_without_place(const Environment& environment);

/// Throws WrongVariable, with both values, when the variable says another number than the task's launcher.
void require_agreement(const Environment& environment, const Task& task, std::string_view name);

/// The hosts of SLURM's "a[01-03,7],b": bounded; stops at what it does not understand.
std::vector<std::string> slurm_hosts(std::string_view list, std::size_t most = 4096);

/// "2(x3),1" says that nodes 0 to 2 have two tasks each and node 3 has one; 0 when it does not say.
int slurm_tasks_on(std::string_view tasks_per_node, int node);

/// A port from 10000 to 29999 that is the same for all who know the text.
int port_from(std::string_view text);

}  // namespace lmf::train
