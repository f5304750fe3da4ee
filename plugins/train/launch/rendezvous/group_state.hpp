#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace lmf::train::launch {

/// One agent, as it describes itself to the others.
struct Node {
  std::string id;  ///< host, process and a random number: another one for each agent ever started
  std::string host;
  int process = 0;
  std::optional<int> wished_rank;
  int workers = 1;
  std::string role;
  std::string address;                       ///< where the others reach this machine
  std::uint16_t port = 0;                    ///< of the workers' store, if this node is first
  bool hosts_store = false;                  ///< of the rendezvous
  std::string standby_address;               ///< where the rendezvous goes on if its host is gone: see successor()
  std::uint16_t standby_port = 0;            ///< 0: not there
  int ready = -1;                            ///< for which attempt
  std::optional<int> rank;                   ///< among the nodes of the last attempt; none: waits, or is a spare
  bool done = false;                         ///< its workers of this attempt ended well
  bool gone = false;                         ///< and it has left since, or is lost: its rank stays taken
  std::int64_t clock = 0;                    ///< its wall clock when it wrote this, in ms since 1970
  std::map<std::string, std::string> facts;  ///< what has to be alike everywhere
};

/// What the nodes of a job agree on, under one key of the store that is only ever changed by compare-and-set.
struct GroupState {
  enum class Phase { forming, running, ended };
  Phase phase = Phase::forming;
  std::string job;                      ///< the id of the node that came first
  int attempt = 0;                      ///< that is being formed, or runs
  std::string why;                      ///< the previous attempt, or the job, ended
  bool moved = false;                   ///< the store is no longer where newcomers look for it
  bool failure = false;                 ///< the previous attempt, or the job, ended by a failure or a loss
  int status = 0;                       ///< of the whole job, once it has ended
  std::vector<std::string> last_lines;  ///< that the worker wrote whose failure ended the job; bounded, printable
  std::vector<Node> nodes;              ///< in the order of arrival

  Node* find(const std::string& id);
  const Node* find(const std::string& id) const { return const_cast<GroupState*>(this)->find(id); }
  /// The nodes that take part in the attempt, by rank.
  std::vector<const Node*> members() const;
};

/// "node 1 (host b, process 4711)".
std::string name_of(const Node& node);

/// JSON with a version. What comes from the store may have been written by anybody: everything is bounded and checked,
/// and Error names what is wrong.
std::string write_state(const GroupState& state);
GroupState read_state(std::string_view text);

}  // namespace lmf::train::launch
