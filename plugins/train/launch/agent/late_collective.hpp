#pragma once

#include <optional>
#include <string>
#include <vector>

/// What torch says when a rank has waited in vain for the others in a collective operation.
namespace lmf::train::launch {

struct LateCollective {
  std::string operation;  ///< "all_reduce"; "": not said
  std::string waited;     ///< "60 s"; "": not said
};

/// From a worker's last lines: gloo's "Timed out waiting 60000ms for recv operation to complete" below Python's
/// traceback, or the line of NCCL's watchdog.
std::optional<LateCollective> late_collective(const std::vector<std::string>& lines);

/// "it waited 60 s in all_reduce for others in vain; rank 1 was still at work: its own last lines say where".
/// `at_work`: the ranks of this node that had neither ended nor failed.
std::string explain_late(const LateCollective& late, const std::vector<int>& at_work, bool several_nodes);

/// "0-2, 5" of 5, 0, 1, 2.
std::string ranks_text(std::vector<int> ranks);

}  // namespace lmf::train::launch
