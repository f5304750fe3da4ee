#include "interrupts.hpp"

#include <cerrno>
#include <cstring>
#include <string>

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include "lmf/error.hpp"

namespace lmf::chat {
namespace {

// A handler can reach static storage only; there is one conversation in a process.
std::atomic<bool> stop{false}, resumed{false};
std::atomic<int> interrupt{0}, end{0};
// A byte for each signal wakes wait_for_input(): the handler may run in one of libtorch's threads, where it would not
// cut short a wait of the main thread's.
int wake[2] = {-1, -1};
static_assert(std::atomic<bool>::is_always_lock_free && std::atomic<int>::is_always_lock_free);

void remember(int signal) {
  if (signal == SIGCONT) {
    resumed = true;
  } else {
    (signal == SIGINT ? interrupt : end) = signal;
    stop = true;
  }
  const int before = errno;
  [[maybe_unused]] const ssize_t written = ::write(wake[1], "", 1);
  errno = before;
}

void install(int signal, void (*handler)(int), struct sigaction& before) {
  struct sigaction action {};
  action.sa_handler = handler;
  action.sa_flags = SA_RESTART;
  sigemptyset(&action.sa_mask);
  ::sigaction(signal, nullptr, &before);
  if (before.sa_handler != SIG_IGN) ::sigaction(signal, &action, nullptr);
}

}  // namespace

Interrupts::Interrupts() {
  if (::pipe2(wake, O_CLOEXEC | O_NONBLOCK) != 0)
    throw Error(std::string("no pipe can be made: ") + std::strerror(errno));
  install(SIGINT, remember, interrupt_);
  install(SIGTERM, remember, terminate_);
  install(SIGHUP, remember, hang_up_);
  install(SIGCONT, remember, continue_);
  install(SIGPIPE, SIG_IGN, pipe_);
}

Interrupts::~Interrupts() {
  ::sigaction(SIGINT, &interrupt_, nullptr);
  ::sigaction(SIGTERM, &terminate_, nullptr);
  ::sigaction(SIGHUP, &hang_up_, nullptr);
  ::sigaction(SIGCONT, &continue_, nullptr);
  ::sigaction(SIGPIPE, &pipe_, nullptr);
  ::close(wake[0]);
  ::close(wake[1]);
}

const std::atomic<bool>& Interrupts::stop_requested() const { return stop; }

int Interrupts::pending() const { return end ? end : interrupt; }

void Interrupts::clear() {
  interrupt = 0;
  stop = end != 0;
}

Interrupts::Awaited Interrupts::wait_for_input(int descriptor) const {
  pollfd waiting[2] = {{descriptor, POLLIN, 0}, {wake[0], POLLIN, 0}};
  while (!pending()) {
    if (resumed.exchange(false)) return Awaited::resumed;
    const int ready = ::poll(waiting, 2, -1);
    if (ready < 0 && errno != EINTR) throw Error(std::string("input cannot be waited for: ") + std::strerror(errno));
    if (ready <= 0) continue;
    if (waiting[0].revents != 0) return Awaited::input;
    char bytes[64];
    while (::read(wake[0], bytes, sizeof bytes) > 0) {
    }
  }
  return Awaited::signal;
}

}  // namespace lmf::chat
