#pragma once

#include <atomic>

#include <signal.h>

namespace lmf::chat {

/// While one exists, Ctrl-C does not end the program: it sets a flag that stops the answer, as a request to end
/// (SIGTERM, SIGHUP) does, and writing to a closed pipe is an error instead of a signal. A signal that whoever started
/// us has ignored (nohup, a script's background job) stays ignored. Handlers are restored at the end.
class Interrupts {
 public:
  Interrupts();
  ~Interrupts();
  Interrupts(const Interrupts&) = delete;
  Interrupts& operator=(const Interrupts&) = delete;

  /// For infer::generate: true from a signal until clear().
  const std::atomic<bool>& stop_requested() const;
  /// SIGTERM or SIGHUP once one came, else SIGINT when that came since clear(), else 0.
  int pending() const;
  /// Forgets a Ctrl-C; a request to end stays.
  void clear();
  /// input: `descriptor` can be read, or has ended. signal: one is pending. resumed: the program was stopped and goes
  /// on, so the terminal may be in another state.
  enum class Awaited { input, signal, resumed };
  Awaited wait_for_input(int descriptor) const;

 private:
  struct sigaction interrupt_, terminate_, hang_up_, continue_, pipe_;  // as they were before
};

}  // namespace lmf::chat
