#pragma once

#include <memory>
#include <optional>
#include <vector>

#include <boost/asio/signal_set.hpp>

#include "train/launch/agent/guard.hpp"
#include "train/launch/agent/idleness.hpp"
#include "train/launch/agent/wake.hpp"
#include "train/launch/agent/worker.hpp"

namespace lmf::train::launch {

/// How long those that were told to stop may take until they are killed.
struct Grace {
  Clock::duration most;
  std::optional<Clock::duration> idle = {};  ///< of a worker that does nothing meanwhile; none: no less
};

/// The workers of one attempt on this node, and everything they start. This process must be a child subreaper: what
/// loses its parent becomes its child, and no descendant is out of reach. Children are watched by SIGCHLD, which tells
/// of those too, unlike a pidfd of each worker; being their parent, nobody else can take a pid over before it is
/// reaped.
class WorkerGroup {
 public:
  WorkerGroup(boost::asio::io_context& context, Guard& guard, Wake& wake);
  /// Kills what is left. For a way out by an exception: stop() is the good one.
  ~WorkerGroup();

  void start(WorkerPlan plan, WorkerStreams streams);

  const std::vector<std::unique_ptr<Worker>>& workers() const { return workers_; }
  bool running() const;  ///< one of them at least
  bool failed() const;   ///< one of them ended badly, not by being told to stop
  /// The first that answered `signal` with an exit status of its own: what it was to save may be lost. Null: all
  /// obeyed.
  const Worker* unwilling(int signal) const;

  /// SIGUSR1 and SIGUSR2: to each worker that catches it. Those that do not are named in the result: it would end them.
  std::vector<int> forward(int signal);
  /// At once, without waiting.
  void tell_to_stop(int signal);
  void tell_of_loss();  ///< SIGTERM, too: see Worker
  /// Waits until the workers and what they started are gone, says after a while what is not, and kills that when
  /// `grace` is over or `hurry` turns true. False: something stays (the kernel holds it).
  boost::asio::awaitable<bool> gone(Grace grace, const bool& hurry);

 private:
  void watch_children();
  void reap();
  bool kill_idle(Idleness& idleness);  ///< whether there were some
  std::string those_left() const;

  Wake& wake_;
  Guard& guard_;
  boost::asio::signal_set child_changed_;
  // A completion that is already queued comes although the set is gone.
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
  std::vector<std::unique_ptr<Worker>> workers_;
};

}  // namespace lmf::train::launch
