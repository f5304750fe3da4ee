#pragma once

#include <array>
#include <csignal>

namespace lmf::train {

/// While one lives, SIGTERM, SIGINT and SIGHUP only ask the run to stop after its step; one that was ignored before
/// (nohup) stays ignored. A further SIGINT, from somebody who will not wait, ends the process at once with 130; further
/// SIGTERM and SIGHUP change nothing, as a process group and a launcher often send both. Writing beyond the limit on
/// file sizes, or to a reader who has gone, becomes an error instead of a death by SIGXFSZ or SIGPIPE. The former
/// handlers come back at the end. One at a time.
///
/// A SIGTERM of lmf's launcher that says kAttemptIsLost ends the process at once with 143, wherever it is, but not
/// while a Saving lives: the ranks would wait for one that is gone, and what was learnt since the last checkpoint is
/// lost.
class StopSignal {
 public:
  StopSignal();
  ~StopSignal();
  StopSignal(const StopSignal&) = delete;
  StopSignal& operator=(const StopSignal&) = delete;
  /// The signal that came first, or 0.
  static int received();

 private:
  std::array<struct sigaction, 5> former_;
};

/// While one lives, this process writes something that is worth being finished, without waiting for other ranks.
class Saving {
 public:
  Saving();
  ~Saving();
  Saving(const Saving&) = delete;
  Saving& operator=(const Saving&) = delete;
};

}  // namespace lmf::train
