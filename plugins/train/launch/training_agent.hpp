#pragma once

#include <span>
#include <string>

#include "config/options.hpp"
#include "lmf/abi.h"
#include "train/launch/agent/agent.hpp"
#include "train/launch/topology.hpp"

namespace lmf::train {

/// decide_topology() with what this machine and this build of lmf have.
Topology topology_of_process(const Environment& environment, bool use_cpu);

/// The agent of `lmf train`, when the topology wants one: each worker is this program again, with the same words, tied
/// to the same library.
launch::AgentOptions training_agent(const Topology& topology, const Environment& environment,
                                    std::span<const char* const> words, const lmf_host_v1& host);

/// What `lmf run` is to say, once, where srun or mpirun has started several of it that are no nodes of one job: each is
/// an agent of its own, as torchrun would be. "": nothing.
std::string agents_of_tasks(const Environment& environment, const launch::AgentOptions& agent);

/// What `lmf train --print-launch` shows.
std::string launch_text(const Topology& topology, const launch::AgentOptions& agent);

/// In a worker of a job that was started again: the job's id. "" in any other process.
std::string restarted_job(const Environment& environment);

}  // namespace lmf::train
