#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>  // Boost 1.74's awaitable.hpp forgets it
#include <variant>
#include <vector>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>

namespace lmf::train::launch {

/// What one attempt's workers of this node get; decided together with the other nodes.
struct Assignment {
  int group_rank = 0, group_world_size = 1;  ///< this agent among the agents
  int first_rank = 0, world_size = 1;        ///< of this node's first worker; over all nodes
  int role_first_rank = 0, role_world_size = 1;
  std::string master_address;  ///< the workers' store
  std::uint16_t master_port = 0;
  bool agent_store = true;  ///< an agent hosts that store; false: the worker of rank 0 does
  int attempt = 0;  ///< over all nodes, from 0; how often this agent restarted its workers is the agent's own count
  std::string run_id;
  std::string job;           ///< unlike run_id no other job's: the same for all of its nodes and attempts
  std::string store_prefix;  ///< of this attempt alone, for the keys of lmf's workers
};

/// Ends one attempt of the workers from outside.
struct Change {
  enum class Kind {
    membership,        ///< nodes came or went: stop the workers and join again, which costs no restart
    failed_elsewhere,  ///< another node's workers failed, or it was lost, and a new attempt follows: as above
    store_lost,        ///< the job cannot go on, because nobody can agree on anything any more
    closed,            ///< the job has ended for every node
  } kind = Kind::membership;
  std::string why = {};                      ///< a sentence that names the node
  std::optional<int> status = {};            ///< of store_lost and closed: what this agent ends with; none: 1
  std::vector<std::string> last_lines = {};  ///< of closed: what the worker wrote whose failure ended the job
  bool abrupt = false;  ///< workers have failed or are gone: the others cannot save together any more
};

struct JoinOptions {
  int workers = 1;  ///< of this node
  std::string role = "default";
};

/// How the agents of a job find each other, agree on ranks, and hear of each other's end. Everything runs on the
/// agent's io_context and nothing blocks. The agent calls, in this order:
///   join, watch, { request_restart | nothing }, join, watch, ..., and at last finish, or announce_failure and close,
///   or at any moment leave.
/// Boost 1.74 cannot cancel an awaitable from outside, so: leave() makes another call that is still under way return
/// promptly (with an Error, or anything).
class Rendezvous {
 public:
  virtual ~Rendezvous() = default;

  /// Waits until the nodes of the next attempt are together. A Change (closed, store_lost) when there is no next
  /// attempt for this node: the job is over, or has ended well without this spare (status 0). Throws Error when the
  /// time is up: who has joined, who is missing.
  virtual boost::asio::awaitable<std::variant<Assignment, Change>> join(JoinOptions options) = 0;

  /// From now on until the next join, finish, announce_failure or leave, `tell` is called, once, when the attempt has
  /// to end. It is called from the io_context, never from within this call.
  virtual void watch(std::function<void(Change)> tell) = 0;

  /// This node's workers failed and it may restart them. None: stop them and join again, the others hear of it and do
  /// the same. Otherwise a sentence why there can be no new attempt (for example a peer that cannot take part): the
  /// failure is final.
  virtual boost::asio::awaitable<std::optional<std::string>> request_restart(std::string why) = 0;

  /// This node's workers ended well. Waits, bounded, until those of all nodes did. A Change when the job takes another
  /// turn meanwhile: closed or store_lost end this agent with that status; after membership or failed_elsewhere it
  /// joins again.
  virtual boost::asio::awaitable<std::optional<Change>> finish() = 0;

  /// This node failed for good: the others hear `why`, and what the failed worker wrote last, and end with `status`
  /// too. At once, while this node's workers are still ending: those of the others soon fail because of them, and the
  /// job ends with what is announced first. A Change (closed) when that was another node's failure. Bounded.
  virtual boost::asio::awaitable<std::optional<Change>> announce_failure(std::string why, int status,
                                                                         std::vector<std::string> last_lines) = 0;

  /// After announce_failure, when the workers are gone: waits, bounded, until the others have heard of it.
  virtual boost::asio::awaitable<void> close() = 0;

  /// This agent was told to stop: says good-bye to the others. Bounded by a second. The workers are still saving: their
  /// store, when it is here, lives as long as this object.
  virtual boost::asio::awaitable<void> leave() = 0;
};

/// How to meet, as the command line or the environment says it.
struct RendezvousOptions {
  enum class Backend { local, fixed, elastic } backend = Backend::local;  ///< one node; torchrun's static; c10d's place
  std::string run_id;
  int minimum_nodes = 1, maximum_nodes = 1;
  std::optional<int> node_rank;                 ///< fixed: needed. elastic: a wish
  std::string host;                             ///< of the rendezvous store; in `fixed` also the workers' MASTER_ADDR
  std::uint16_t port = 0;                       ///< 0: any (local only)
  std::string local_address;                    ///< how the others reach this node; "": found out
  bool agent_store = true;                      ///< false: the worker of rank 0 hosts the workers' store
  bool identical_workers = false;               ///< fixed: as many on every node, all of one role, so nobody says it
  std::map<std::string, std::string> settings;  ///< torchrun's --rdzv-conf: join_timeout, last_call_timeout, ...
  std::map<std::string, std::string> facts;     ///< must be alike on all nodes: "configuration" -> its digest, ...
};

std::unique_ptr<Rendezvous> local_rendezvous(boost::asio::io_context& context, const RendezvousOptions& options);
std::unique_ptr<Rendezvous> fixed_rendezvous(boost::asio::io_context& context, const RendezvousOptions& options);
std::unique_ptr<Rendezvous> elastic_rendezvous(boost::asio::io_context& context, const RendezvousOptions& options);

}  // namespace lmf::train::launch
