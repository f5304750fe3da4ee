#pragma once

#include <string>
#include <vector>

#include "train/launch/agent/rendezvous.hpp"

/// What torchrun's agents write to the store of a static job, so that agents of both kinds can share one.
namespace lmf::train::launch::torchrun {

struct RoleInfo {
  std::string role;
  int node_rank = 0, workers = 1;
  std::string lmf_node =
      {};  ///< the id of an agent of lmf's, "" of torchrun's: a field more, which torchrun does not read
};

std::string role_info_key(const std::string& run_id, int node_rank);
std::string assigned_ranks_key(const std::string& run_id, int node_rank);
std::string exit_count_key(const std::string& run_id);
std::string exit_last_key(const std::string& run_id);

std::string write_role_info(const RoleInfo& info);
RoleInfo read_role_info(const std::string& text);

/// For each node, in order: [first rank, world size, first rank in its role, size of its role].
std::vector<std::string> assign_ranks(const std::vector<RoleInfo>& nodes);
Assignment read_assigned_ranks(const std::string& text);
/// What follows without any of these when every node has as many workers, all of one role.
Assignment identical_ranks(int node_rank, int nodes, int workers);

}  // namespace lmf::train::launch::torchrun
