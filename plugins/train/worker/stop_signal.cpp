#include "train/worker/stop_signal.hpp"

#include <atomic>

#include <unistd.h>

namespace lmf::train {
namespace {

constexpr std::array<int, 5> kSignals = {SIGTERM, SIGINT, SIGHUP, SIGXFSZ, SIGPIPE};

std::atomic<int> first_signal = 0;
static_assert(std::atomic<int>::is_always_lock_free, "a signal handler must not wait for a lock");

void on_signal(int signal) {
  int none = 0;
  if (!first_signal.compare_exchange_strong(none, signal) && signal == SIGINT) ::_exit(128 + signal);
}

}  // namespace

StopSignal::StopSignal() {
  first_signal = 0;
  struct sigaction action = {};
  action.sa_flags = SA_RESTART;
  sigemptyset(&action.sa_mask);
  for (std::size_t i = 0; i < kSignals.size(); ++i) {
    ::sigaction(kSignals[i], nullptr, &former_[i]);
    if (former_[i].sa_handler == SIG_IGN) continue;
    action.sa_handler = kSignals[i] == SIGXFSZ || kSignals[i] == SIGPIPE ? SIG_IGN : on_signal;
    ::sigaction(kSignals[i], &action, nullptr);
  }
}

StopSignal::~StopSignal() {
  for (std::size_t i = 0; i < kSignals.size(); ++i) ::sigaction(kSignals[i], &former_[i], nullptr);
}

int StopSignal::received() { return first_signal; }

}  // namespace lmf::train
