#pragma once

#include <array>
#include <csignal>

namespace lmf::train {

/// While one lives, SIGTERM, SIGINT and SIGHUP only ask the run to stop after its step; one that was ignored before
/// (nohup) stays ignored. A further SIGINT, from somebody who will not wait, ends the process at once with 130; further
/// SIGTERM and SIGHUP change nothing, as a process group and a launcher often send both. Writing beyond the limit on
/// file sizes, or to a reader who has gone, becomes an error instead of a death by SIGXFSZ or SIGPIPE. The former
/// handlers come back at the end. One at a time.
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

}  // namespace lmf::train
