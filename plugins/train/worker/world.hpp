#pragma once

#include <cstdint>
#include <string>

namespace lmf::train {

/// This process among those that train together, as torchrun's environment variables say it. Without WORLD_SIZE, or
/// with 1, it is alone and the rest does not matter.
struct World {
  int rank = 0, size = 1;
  int local_rank = 0, local_size = 1;  ///< among those of this node
  std::string node;                    ///< the same for all ranks of a node and no others
  std::string master_address;          ///< of the store where the ranks find each other
  std::uint16_t master_port = 0;
  bool agent_store = false;  ///< the launcher hosts the store; else rank 0 does
  /// Apart for each attempt: a restarted job on a store that lived on must not read the keys of the former one.
  std::string store_prefix;

  bool alone() const { return size == 1; }
  bool leads() const { return rank == 0; }  ///< writes the log and all files
  bool first_of_node() const { return local_rank == 0; }

  /// Throws Error naming the variable that is missing or makes no sense.
  static World from_environment();
};

/// "node1 (pid 4242)": this process, for the sentences of other ranks.
std::string process_name();

}  // namespace lmf::train
