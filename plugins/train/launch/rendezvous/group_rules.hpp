#pragma once

#include <string>
#include <vector>

#include "train/launch/agent/rendezvous.hpp"
#include "train/launch/rendezvous/group_state.hpp"

namespace lmf::train::launch {

struct GroupPolicy {
  int minimum = 1, maximum = 1;  ///< nodes
  bool fixed = false;            ///< every node has the rank it wishes, and nobody replaces it
};

// How a group's state changes: no clock, no network. Each of them is tried again on the newer state when somebody else
// changed it meanwhile, so it must do nothing where it no longer applies.

/// Adds the node, or says again what it is and that it is ready for the attempt to come. Throws Error when another node
/// has its rank.
void get_ready(GroupState& state, const GroupPolicy& policy, const Node& node);

/// Enough nodes are there for another attempt, or may still come.
bool can_restart(const GroupState& state, const GroupPolicy& policy);
/// The attempt ends, the next one is formed; without enough nodes for one the job ends.
void reform(GroupState& state, const GroupPolicy& policy, bool failure, std::string why);
/// `failure`: workers have failed or are gone, so that those that are left cannot save together.
void end(GroupState& state, bool failure, int status, std::string why, std::vector<std::string> last_lines = {});

/// The node has left, or is lost. What that means for the others depends on what it was.
void remove(GroupState& state, const GroupPolicy& policy, const std::string& id, bool lost, const std::string& why);

/// Its workers ended well; with the last member's the job has.
void mark_done(GroupState& state, const std::string& id);
/// It cannot be heard any more, and works on by itself: the others do not wait for it.
void leave_alone(GroupState& state, const std::string& id);

/// The store may go then: its node needs it no more.
bool host_is_done(const GroupState& state);
/// The node on whose store the attempt goes on once its host, whose part is done, is gone; none while that one works,
/// as without it the attempt is lost anyway.
const Node* successor(const GroupState& state);
/// It does go on there.
void take_over(GroupState& state, const std::string& id);

/// All known nodes stand ready, and they are enough. Whether to wait for more is the caller's to decide: see `grows`.
bool is_complete(const GroupState& state, const GroupPolicy& policy);
bool is_full(const GroupState& state, const GroupPolicy& policy);
/// Nodes are among them that were not in the last attempt; without those nobody else is expected.
bool grows(const GroupState& state);
/// Starts the attempt: survivors keep their order, then the store's host, wished ranks, host names, arrival. The
/// first `maximum` take part, the rest are spares.
void start(GroupState& state, const GroupPolicy& policy);

/// The nodes that could join the running attempt.
std::vector<const Node*> newcomers(const GroupState& state, const GroupPolicy& policy);

/// What the node's workers get; it must be a member of the running attempt.
Assignment assignment_of(const GroupState& state, const std::string& id);

/// node2 < node10.
bool natural_less(const std::string& a, const std::string& b);

}  // namespace lmf::train::launch
