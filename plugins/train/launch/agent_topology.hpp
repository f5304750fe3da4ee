#pragma once

#include <initializer_list>
#include <string>

#include "train/launch/other_launchers.hpp"
#include "train/launch/topology.hpp"

namespace lmf::train {

inline constexpr int kMostNodes = 1 << 16;

/// Where the tasks of another launcher meet: MASTER_ADDR, or where it says its first task to be. Throws when neither.
std::string meeting_place(const Environment& environment, const Task& task);

/// "FORCE_TORCHRUN=1": what demands workers also where one device or none would do; "" when nothing does.
std::string forcing_variable(const Environment& environment);

/// Warns of those of these variables that are set: "A=1 and B=2 have no effect WHY". Not refused: scripts leave them
/// behind.
void note_unused(Topology& topology, const Environment& environment, std::initializer_list<const char*> names,
                 const std::string& why);

/// The topologies in which this process is an agent: how many workers it starts, and where it meets the other nodes.
class AgentTopology {
 public:
  AgentTopology(const Environment& environment, const launch::Devices& devices, bool use_cpu)
      : environment_(environment), devices_(devices), use_cpu_(use_cpu) {}

  int nodes() const;  ///< NNODES
  /// NODE_RANK. Throws when the variables contradict a job of that many nodes.
  int node_rank(int node_count) const;
  /// By NNODES, NODE_RANK, MASTER_ADDR and MASTER_PORT.
  Topology fixed() const;
  /// By RDZV_ID, MIN_NNODES and MAX_NNODES.
  Topology elastic() const;
  /// Another launcher started one task on each node, which is to start the workers there.
  Topology of_task(const Task& task) const;
  /// Kubeflow numbers pods with RANK and WORLD_SIZE.
  Topology of_pytorch_job() const;

 private:
  bool has(const char* name) const { return environment_.has(name); }
  std::string named(const char* name) const { return environment_.source(name); }  ///< as the user has set it
  int devices() const { return use_cpu_ ? 1 : devices_.count; }
  Topology agent(const std::string& reason) const;
  int worker_count() const;
  void refuse_rank_of_another_job() const;
  void refuse_another_rank(int node_rank) const;
  void read_range(launch::RendezvousOptions& rendezvous) const;
  void note_unused_range(Topology& topology) const;

  const Environment& environment_;
  const launch::Devices& devices_;
  const bool use_cpu_;
};

}  // namespace lmf::train
