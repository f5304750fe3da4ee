#pragma once

#include <chrono>
#include <string>
#include <vector>

#include <sys/types.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>

#include "train/launch/agent/processes.hpp"

namespace lmf::train::launch {

/// A small process beside the agent that outlives it when it is killed: then it ends everything that the agent
/// started and removes the agent's temporary folder. It notices by a pipe whose other end only the agent holds.
/// (PR_SET_PDEATHSIG ends the workers themselves a moment sooner, but not what they have started.)
class Guard {
 public:
  /// Forks: call before anything is open that must not stay open, and before threads start.
  Guard(std::string job_id, std::string temporary_folder);
  /// Dismisses the guard: nothing is left to be ended.
  ~Guard();
  Guard(const Guard&) = delete;
  Guard& operator=(const Guard&) = delete;

  pid_t pid() const { return pid_; }
  /// A worker is the leader of this session: from its start, and again just before it is reaped.
  void watch_session(const WorkerSession& session);
  /// Another one in the place of one that has ended. It inherits what is open and lets go of it at once. Throws Error
  /// when there can be no further process.
  void replace();

 private:
  void start();

  const std::string job_id_, temporary_folder_;
  std::vector<WorkerSession> sessions_;
  pid_t pid_ = -1;
  int pipe_ = -1;
};

/// Notices when the guard ends before its time, says so, and has it replaced: its loss would be seen only when the
/// agent is killed, too.
class GuardWatch {
 public:
  GuardWatch(boost::asio::io_context& context, Guard& guard);

 private:
  void watch();
  void guard_has_ended();

  boost::asio::posix::stream_descriptor ended_;
  Guard& guard_;
  std::chrono::steady_clock::time_point began_;
  int short_lived_ = 0;  // guards in a row
};

}  // namespace lmf::train::launch
