#include "train/worker/stop_signal.hpp"

#include <atomic>

#include <unistd.h>

#include "train/shared/job.hpp"

namespace lmf::train {
namespace {

constexpr std::array<int, 5> kSignals = {SIGTERM, SIGINT, SIGHUP, SIGXFSZ, SIGPIPE};

std::atomic<int> first_signal = 0, savings = 0;
std::atomic<bool> attempt_is_lost = false;
static_assert(std::atomic<int>::is_always_lock_free, "a signal handler must not wait for a lock");

void on_signal(int signal, siginfo_t* said, void*) {
  if (signal == SIGTERM && said->si_code == SI_QUEUE && said->si_value.sival_int == kAttemptIsLost) {
    attempt_is_lost = true;  // in this order: whoever ends a Saving meanwhile sees it
    if (savings == 0) ::_exit(128 + signal);
  }
  int none = 0;
  if (!first_signal.compare_exchange_strong(none, signal) && signal == SIGINT) ::_exit(128 + signal);
}

}  // namespace

StopSignal::StopSignal() {
  first_signal = 0;
  struct sigaction action = {};
  action.sa_flags = SA_RESTART | SA_SIGINFO;
  sigemptyset(&action.sa_mask);
  for (std::size_t i = 0; i < kSignals.size(); ++i) {
    ::sigaction(kSignals[i], nullptr, &former_[i]);
    if (former_[i].sa_handler == SIG_IGN) continue;
    if (kSignals[i] == SIGXFSZ || kSignals[i] == SIGPIPE)
      action.sa_handler = SIG_IGN;
    else
      action.sa_sigaction = on_signal;
    ::sigaction(kSignals[i], &action, nullptr);
  }
}

StopSignal::~StopSignal() {
  for (std::size_t i = 0; i < kSignals.size(); ++i) ::sigaction(kSignals[i], &former_[i], nullptr);
}

int StopSignal::received() { return first_signal; }

Saving::Saving() { ++savings; }

Saving::~Saving() {
  if (--savings == 0 && attempt_is_lost) ::_exit(128 + SIGTERM);
}

}  // namespace lmf::train
