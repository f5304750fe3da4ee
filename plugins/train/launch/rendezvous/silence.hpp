#pragma once

#include <algorithm>
#include <map>
#include <string>

#include "train/launch/store/asio.hpp"

namespace lmf::train::launch {

/// How long each node's heartbeat has stood still, on this reader's own monotonic clock: clocks of different machines
/// are never compared. A reader that was stopped itself learns nothing from that time, so one look adds at most
/// `kMostPerLook`.
class Silence {
 public:
  static constexpr std::chrono::milliseconds kMostPerLook{2000};

  void look(const std::map<std::string, std::string>& beats, Time now) {
    const auto since = std::min<Clock::duration>(now - last_look_, kMostPerLook);
    last_look_ = now;
    std::map<std::string, Seen> seen;
    for (const auto& [id, beat] : beats) {
      const auto before = seen_.find(id);
      const bool still = before != seen_.end() && before->second.beat == beat;
      seen[id] = {beat, still ? before->second.silent_for + since : Clock::duration::zero()};
    }
    seen_ = std::move(seen);
  }

  std::string last_beat(const std::string& id) const {
    const auto found = seen_.find(id);
    return found == seen_.end() ? "" : found->second.beat;
  }

  Clock::duration of(const std::string& id) const {
    const auto found = seen_.find(id);
    return found == seen_.end() ? Clock::duration::zero() : found->second.silent_for;
  }

 private:
  struct Seen {
    std::string beat;
    Clock::duration silent_for;
  };
  std::map<std::string, Seen> seen_;
  Time last_look_ = Clock::now();
};

}  // namespace lmf::train::launch
