#pragma once

#include <optional>
#include <string>
#include <vector>

#include "train/launch/rendezvous/group_rendezvous.hpp"
#include "train/launch/rendezvous/torchrun_format.hpp"

namespace lmf::train::launch {

/// A number of nodes known beforehand, each with its rank; node 0 hosts the store, where its workers meet, too. The
/// nodes may run torchrun: what its agents exchange is exchanged; what lmf's agents do beyond it (hearing of failures,
/// restarting together) begins when all of them are lmf's.
class FixedRendezvous final : public GroupRendezvous {
 public:
  using GroupRendezvous::GroupRendezvous;
  Task<std::optional<std::string>> request_restart(std::string why) override;
  Task<std::optional<Change>> finish() override;

 private:
  Task<void> open() override;
  Task<Outcome> meet() override;
  std::optional<Change> current_change() const override;
  void offer_store() override;
  std::string progress() const override;
  bool may_part() const override;

  void host_store();
  Task<void> check_own_address();
  Task<std::optional<Change>> exchange_roles();
  Task<bool> ranks_are_assigned();
  Task<bool> all_are_counted();
  Task<void> assign_when_complete();
  Task<void> look_who_is_there();
  void find_out_peers();
  Task<std::optional<Change>> exit_barrier();
  std::string strangers() const;
  int rank() const { return *options().node_rank; }
  int nodes() const { return options().maximum_nodes; }
  const std::string& run_id() const { return options().run_id; }
  std::string own_count_key() const { return "lmf/" + run_id() + "/announced"; }

  bool is_there(int node) const;
  std::int64_t counted_ = 0;  ///< agents that are there
  bool exchanged_ = false, assigned_ = false, coordinated_ = false;
  Assignment first_;
  std::vector<std::optional<torchrun::RoleInfo>> roles_;  ///< of each node, as far as it has said it
};

}  // namespace lmf::train::launch
