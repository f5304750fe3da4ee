#include "train/launch/agent/stop_signals.hpp"

#include <algorithm>
#include <csignal>

namespace lmf::train::launch {
namespace {

/// A terminal's Ctrl-C may arrive twice: from the terminal, and from a parent that passes it on.
constexpr auto kSameRequest = std::chrono::milliseconds(200);

bool is_ignored(int signal) {
  struct sigaction current {};
  return ::sigaction(signal, nullptr, &current) == 0 && current.sa_handler == SIG_IGN;
}

}  // namespace

StopSignals::StopSignals(boost::asio::io_context& context, const std::vector<int>& stopping, Wake& wake,
                         std::function<void(int)> pass_on)
    : signals_(context), stopping_(stopping), wake_(wake), pass_on_(std::move(pass_on)) {
  std::signal(SIGPIPE, SIG_IGN);
  const bool without_terminal = is_ignored(SIGHUP);  // nohup
  for (const int signal : stopping_)
    if (signal != SIGHUP || !without_terminal) signals_.add(signal);
  for (const int signal : {SIGUSR1, SIGUSR2, SIGINT, SIGTERM})
    if (std::find(stopping_.begin(), stopping_.end(), signal) == stopping_.end()) signals_.add(signal);
  wait();
}

void StopSignals::wait() {
  signals_.async_wait([this](const boost::system::error_code& failed, int signal) {
    if (failed) return;
    take(signal);
    wait();
  });
}

void StopSignals::take(int signal) {
  const bool passes = signal == SIGUSR1 || signal == SIGUSR2;
  if (passes && std::find(stopping_.begin(), stopping_.end(), signal) == stopping_.end()) return pass_on_(signal);
  if (!stop_) {
    stop_ = signal;
    stopped_at_ = Clock::now();
  } else if (signal == SIGINT && Clock::now() - stopped_at_ > kSameRequest) {
    hurry_ = true;
  }
  wake_.notify();
}

}  // namespace lmf::train::launch
