#pragma once

#include <memory>
#include <optional>
#include <set>
#include <string>

#include "train/launch/rendezvous/group.hpp"
#include "train/launch/rendezvous/settings.hpp"
#include "train/launch/store/store_server.hpp"
#include "train/launch/store/workers_store.hpp"

namespace lmf::train::launch {

/// torchrun's name for `agent_store` being false.
inline constexpr const char* kNotSharedVariable = "TORCH_DISABLE_SHARE_RDZV_TCP_STORE";
/// And for `identical_workers`.
inline constexpr const char* kIdenticalVariable = "TORCH_ELASTIC_WORKER_IDENTICAL";

/// What `fixed` and `elastic` have in common: a Group on a store that one of the agents hosts, seen as attempts.
class GroupRendezvous : public Rendezvous {
 public:
  GroupRendezvous(asio::io_context& context, RendezvousOptions options, GroupPolicy policy);
  ~GroupRendezvous() override;

  Task<std::variant<Assignment, Change>> join(JoinOptions options) override;
  void watch(std::function<void(Change)> tell) override;
  Task<std::optional<std::string>> request_restart(std::string why) override;
  Task<std::optional<Change>> finish() override;
  Task<std::optional<Change>> announce_failure(std::string why, int status,
                                               std::vector<std::string> last_lines) override;
  Task<void> close() override;
  Task<void> leave() override;

 protected:
  using Outcome = std::variant<Assignment, Change>;
  /// After which a node that is done says for whom it waits.
  static constexpr std::chrono::seconds kWaitsInSilence{5};

  /// Hosts the store or connects to it. Once, in the first join.
  virtual Task<void> open() = 0;
  /// Waits until this node takes part in an attempt, or there is none for it.
  virtual Task<Outcome> meet();
  virtual std::optional<Change> current_change() const { return group_->change(attempt_); }
  /// The address and port of the workers' store for the attempt to come, into group().self().
  virtual void offer_store() = 0;
  /// Who has joined, who is missing.
  virtual std::string progress() const = 0;

  Group& group() { return *group_; }
  const Group& group() const { return *group_; }
  const GroupState& state() const { return group_->state(); }
  const RendezvousOptions& options() const { return options_; }
  const RendezvousSettings& settings() const { return settings_; }
  asio::io_context& context() { return context_; }
  void host(std::unique_ptr<StoreServer> server);
  /// The port of a new one for the next attempt; the one before is closed.
  std::uint16_t fresh_workers_store();
  void close_workers_store() { workers_store_.reset(); }
  bool hosts() const { return group_->self().hosts_store; }
  /// Where this node reaches the store; the host its own, whatever others call it.
  std::pair<std::string, std::uint16_t> store_endpoint() const;
  bool alone_on_store() const { return !server_ || server_->connections() <= 1; }
  bool leaving() const { return leaving_; }
  /// Whether the endpoint's name is one of this machine. Throws NameUnknown when there is no such name for as long as
  /// the settings say, Error when the name server does not answer for so long.
  Task<bool> leads_here(std::chrono::milliseconds no_answer);
  /// Connects, and says what it waits for.
  Task<void> connect(std::string address, std::uint16_t port);
  Task<void> take_part();
  /// Throws when the time is up; speaks now and then.
  void check_patience();
  /// A Change when the job is over. Throws when this agent was told to stop, or a node does not fit to the others.
  Task<std::optional<Change>> check_job();
  /// Ends this node's part: in the group at once, while the stores it hosts stay as long as this object, since workers
  /// that were told to stop are still saving.
  Task<void> part(std::chrono::milliseconds limit, std::chrono::milliseconds other_jobs = {});
  virtual bool may_part() const;
  void shut();

 private:
  void describe_self(const JoinOptions& options);
  void on_change();
  void look_at_clocks();
  Task<void> say_good_bye(std::string why);
  Task<void> wait_for_other_jobs(Time until);
  bool parted() const { return group_->stopped() || !group_->lost().empty(); }
  Task<std::optional<Change>> wait_for_all();
  Task<void> mark_own_part_done();
  Task<void> announce_again();
  std::string those_at_work() const;
  std::string own_address() const;

  asio::io_context& context_;
  const RendezvousOptions options_;
  const RendezvousSettings settings_;
  std::unique_ptr<StoreServer> server_;
  std::unique_ptr<WorkersStore> workers_store_;
  std::shared_ptr<Group> group_;
  bool opened_ = false, leaving_ = false;
  int attempt_ = -1;  ///< that this node takes part in
  std::function<void(Change)> tell_;
  std::function<void(GroupState&)> announcement_;  ///< of this node's failure
  Time patience_ends_, next_word_;
  bool looked_around_ = false;
  std::set<std::string> met_;  ///< nodes whose clock has been looked at
};

}  // namespace lmf::train::launch
