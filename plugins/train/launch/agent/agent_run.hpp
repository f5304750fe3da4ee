#pragma once

#include <memory>
#include <optional>
#include <string>

#include <unistd.h>

#include "train/launch/agent/agent.hpp"
#include "train/launch/agent/failure_report.hpp"
#include "train/launch/agent/run_folder.hpp"
#include "train/launch/agent/stop_signals.hpp"
#include "train/launch/agent/together.hpp"
#include "train/launch/agent/worker_group.hpp"

namespace lmf::train::launch {

/// What ends an attempt, or the wait for one.
struct Verdict {
  std::optional<int> status;  ///< none: there is another attempt
};

/// One run of an agent on an event loop: attempts, one after the other, until one is the last. How each ends is in
/// agent_endings.cpp.
class Agent {
 public:
  Agent(boost::asio::io_context& context, const AgentOptions& options, RunFolder& folder, Guard& guard,
        std::string job);

  /// The exit status.
  boost::asio::awaitable<int> run();

 private:
  template <class Result>
  using Task = boost::asio::awaitable<Result>;

  Task<Verdict> attempt(const Assignment& assignment);
  Task<Verdict> refuse();
  void start_workers(WorkerGroup& group, const Assignment& assignment);
  void forward(int signal);

  /// Waits for the end of all that was told to stop. `lost`: because others of theirs have failed or are gone.
  Task<void> wait_until_gone(WorkerGroup& group, bool lost);
  Task<Verdict> stop_for_signal(WorkerGroup& group);
  Task<Verdict> stop_for_change(WorkerGroup& group);
  Task<Verdict> handle_failure(WorkerGroup& group, std::uint64_t kills, const Assignment& assignment);
  /// The others hear of it before this node's workers have used up their grace: what happens to theirs meanwhile is a
  /// consequence, and the job ends everywhere with the status of the cause.
  Task<Verdict> fail(WorkerGroup& group, const FailureReport& first, std::uint64_t kills, const Assignment& assignment,
                     const std::string& no_new_attempt);
  FailureReport finished_report(WorkerGroup& group, std::uint64_t kills, const Assignment& assignment);
  Task<Verdict> end_well(WorkerGroup& group);
  Verdict follow(const Change& change);
  Verdict stopped() const;
  int exit_status(int status) const;

  boost::asio::io_context& context_;
  const AgentOptions& options_;
  RunFolder& folder_;
  Guard& guard_;
  GuardWatch guard_watch_;
  const std::string job_;
  Wake wake_;
  Console output_, error_;
  StopSignals signals_;
  std::unique_ptr<Rendezvous> rendezvous_;
  Together together_;
  WorkerGroup* group_ = nullptr;  ///< while there is one
  std::optional<Change> change_;
  int restarts_ = 0;  ///< what max_restarts is about
  int attempts_ = 0;  ///< begun on this node; membership changes begin some, too
};

}  // namespace lmf::train::launch
