#pragma once

#include <chrono>
#include <map>
#include <optional>
#include <string>

#include "train/launch/rendezvous/group.hpp"

namespace lmf::train::launch {

/// torchrun's --rdzv-conf by its own names, in seconds; a name that is none of these belongs to another backend.
struct RendezvousSettings {
  std::chrono::milliseconds join{600000};          ///< join_timeout; of `fixed` timeout, 900 s
  std::chrono::milliseconds exit_barrier{300000};  ///< exit_barrier_timeout
  GroupTimes group;             ///< last_call_timeout, keep_alive_interval times keep_alive_max_attempt, read_timeout
  std::optional<bool> is_host;  ///< is_host; none: found out
};

/// Throws Error that names the setting which is no number.
RendezvousSettings read_settings(const RendezvousOptions& options);

}  // namespace lmf::train::launch
