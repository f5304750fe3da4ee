#pragma once

#include <chrono>
#include <map>
#include <optional>
#include <string>

#include "train/launch/rendezvous/group.hpp"

namespace lmf::train::launch {

/// torchrun's --rdzv-conf by its own names, in seconds; a name that is none of these belongs to another backend.
struct RendezvousSettings {
  std::chrono::milliseconds join{600000};  ///< join_timeout; of `fixed` timeout, 900 s
  /// exit_barrier_timeout: how long a node that is done waits for the others; none: for as long as they work, so that
  /// it hears if one of them fails. The store's host waits that long in any case.
  std::optional<std::chrono::milliseconds> exit_barrier;
  std::chrono::milliseconds unknown_name{30000};  ///< name_timeout: how long the endpoint's name may not exist yet
  GroupTimes group;             ///< last_call_timeout, keep_alive_interval times keep_alive_max_attempt, read_timeout
  std::optional<bool> is_host;  ///< is_host; none: found out

  /// For those whom nobody watches: torchrun's agents, which wait as long, and other jobs on this one's store.
  std::chrono::milliseconds strangers_barrier() const { return exit_barrier.value_or(std::chrono::minutes(5)); }
};

/// Throws Error that names the setting which is no number.
RendezvousSettings read_settings(const RendezvousOptions& options);

}  // namespace lmf::train::launch
