#pragma once

#include <map>
#include <vector>

#include <sys/types.h>

#include "train/launch/agent/processes.hpp"
#include "train/launch/agent/wake.hpp"

namespace lmf::train::launch {

/// Tells sessions whose processes only wait from those that still do something, as saving what they have: they use more
/// than a hundredth of the processor's time (libraries have threads that only look around), write more than a word,
/// wait for a disk, or one of their processes has gone.
class Idleness {
 public:
  explicit Idleness(Clock::duration limit) : limit_(limit) {}

  Clock::duration limit() const { return limit_; }
  /// Those of these sessions (by their leaders) that have done nothing for as long as the limit. To be asked about once
  /// a second.
  std::vector<pid_t> look(const std::vector<pid_t>& sessions, Clock::time_point now);

 private:
  struct Rest {
    Activity before;  ///< it began
    Clock::time_point since;
  };

  const Clock::duration limit_;
  std::map<pid_t, Rest> resting_;
};

}  // namespace lmf::train::launch
