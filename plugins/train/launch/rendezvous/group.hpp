#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "train/launch/rendezvous/group_rules.hpp"
#include "train/launch/rendezvous/silence.hpp"
#include "train/launch/store/store_client.hpp"
#include "train/launch/store/store_server.hpp"

namespace lmf::train::launch {

/// A node's beat on a new host's store while it has not come there.
inline constexpr std::string_view kAwaited = "awaited";

struct GroupTimes {
  std::chrono::milliseconds poll{250};         ///< five times as often while an attempt may form at any moment
  std::chrono::milliseconds silence{15000};    ///< after which a node is taken for lost
  std::chrono::milliseconds answer{10000};     ///< after which the store is
  std::chrono::milliseconds last_call{30000};  ///< how long those who are enough wait for more
};

/// This node's part in keeping a group together: beats, reads the state, and does what the rules ask for: whoever sees
/// first that a node is lost or that all are there writes it down for everybody. When the store's host is gone after
/// its part was done, the node that the state names hosts it from then on. Knows nothing of workers.
class Group : public std::enable_shared_from_this<Group> {
 public:
  Group(asio::io_context& context, std::string run_id, GroupPolicy policy, GroupTimes times);

  StoreClient& store() { return *stores_.back(); }
  const GroupPolicy& policy() const { return policy_; }
  Node& self() { return self_; }
  const GroupState& state() const { return state_; }
  /// Why nothing can be agreed on any more; "" while it can.
  const std::string& lost() const { return lost_; }

  /// Before begin(): this node stands by to host the store, which the others would reach at this address; newcomers
  /// look for it at the endpoint all the same.
  void stand_by(std::string address, std::string endpoint_host, std::uint16_t endpoint_port);
  std::string own_name() const;
  /// Joins over a connected store, and takes part until `stop`.
  Task<void> begin();
  void stop();
  bool stopped() const { return stopped_; }

  /// Applies a rule to the newest state, again until nobody else was faster, and on the successor's store when this one
  /// is lost meanwhile. Throws StoreLost.
  Task<void> update(std::function<void(GroupState&)> rule);
  /// For who cannot wait for a successor.
  Task<void> update_here(std::function<void(GroupState&)> rule);
  Task<void> get_ready();
  /// The id of another job that goes on on the same store, "" when there is none.
  Task<std::string> other_job();
  /// Returns when the state may have changed, at the latest after a second.
  Task<void> changed();
  /// Called from the context whenever the state may have changed.
  void on_change(std::function<void()> call) { on_change_ = std::move(call); }
  /// What this node does besides. Nothing that it holds may end before the group.
  void with_each_beat(std::function<Task<void>()> work) { with_each_beat_ = std::move(work); }
  /// Wakes who waits for a change.
  void notify();

  /// How the job has ended.
  Change closed() const { return {Change::Kind::closed, state_.why, state_.status, state_.last_lines, state_.failure}; }
  /// Why there is nothing to agree on any more.
  Change store_lost() const { return {Change::Kind::store_lost, lost_, std::nullopt, {}, /*abrupt=*/true}; }
  /// What ends the attempt that this node takes part in, if anything.
  std::optional<Change> change(int attempt) const;
  /// How long those who are enough still wait for others.
  std::optional<Clock::duration> last_call_left() const;

 private:
  static Task<void> keep(std::shared_ptr<Group> self);
  Task<void> tick();
  Task<void> listen();
  Task<void> act();
  Task<std::string> move(std::string lost);
  Task<void> move_to(Node successor);
  Task<void> seed(StoreClient& store);
  static Task<void> watch_endpoint(std::shared_ptr<Group> self);
  Task<void> turn_away(StoreClient& other);
  Task<bool> moved(const StoreClient& from);
  bool wants(const GroupState& state) const;
  void follow_rules(GroupState& state) const;
  void remove_lost(GroupState& state) const;
  bool works_alone(const Node& node) const;
  bool newcomers_waited(const GroupState& state) const;
  void adopt(const std::string& text);
  std::string state_key() const { return "lmf/" + run_id_ + "/state"; }
  std::string beat_key(const std::string& id) const { return std::string(store::kPresence) + run_id_ + "/" + id; }

  const std::string run_id_;
  const GroupPolicy policy_;
  const GroupTimes times_;
  asio::io_context& context_;
  std::vector<std::unique_ptr<StoreClient>> stores_;  ///< in use is the last; who waits for one before is yet to hear
  std::unique_ptr<StoreClient> next_store_;           ///< while it is being connected
  std::unique_ptr<StoreServer> standby_;
  std::string endpoint_host_;
  std::uint16_t endpoint_port_ = 0;
  asio::steady_timer pause_, changed_, endpoint_pause_;
  Node self_;
  GroupState state_;
  std::string text_;  ///< the state as the store has it
  std::string lost_;
  bool stopped_ = false;
  std::int64_t beats_ = 0;
  Silence silence_;
  Time forming_since_;
  std::optional<Time> enough_since_;
  std::map<std::string, Time> waiting_since_;
  std::function<void()> on_change_;
  std::function<Task<void>()> with_each_beat_;
};

}  // namespace lmf::train::launch
