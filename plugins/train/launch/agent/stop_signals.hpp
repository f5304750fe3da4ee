#pragma once

#include <functional>
#include <optional>
#include <vector>

#include <boost/asio/signal_set.hpp>

#include "train/launch/agent/wake.hpp"

namespace lmf::train::launch {

/// The signals that the agent itself gets. One that tells it to stop is kept for whoever asks; SIGUSR1 and SIGUSR2
/// are passed on, unless they are among those.
class StopSignals {
 public:
  StopSignals(boost::asio::io_context& context, const std::vector<int>& stopping, Wake& wake,
              std::function<void(int)> pass_on);

  const std::optional<int>& stop() const { return stop_; }  ///< the first of them
  /// A Ctrl-C while stopping: no more waiting. Not a second SIGTERM: batch systems and timeout(1) send pairs of them.
  const bool& hurry() const { return hurry_; }
  void close() { signals_.cancel(); }

 private:
  void wait();
  void take(int signal);

  boost::asio::signal_set signals_;
  std::vector<int> stopping_;
  Wake& wake_;
  std::function<void(int)> pass_on_;
  std::optional<int> stop_;
  Clock::time_point stopped_at_;
  bool hurry_ = false;
};

}  // namespace lmf::train::launch
