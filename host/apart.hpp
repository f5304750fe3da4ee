#pragma once

#include <chrono>
#include <functional>
#include <string>

namespace lmf::host {

/// How a function ended that ran in a process of its own.
struct Apart {
  enum class End {
    exited,      ///< `number` is the exit status
    signalled,   ///< `number` is the signal
    timed_out,   ///< it was killed
    not_started  ///< there was no process to be had; `number` is fork's errno
  } end;
  int number = 0;
  std::string answer;  ///< what the function returned; "" when it did not
  std::string said;    ///< what the process wrote on its standard output and error, at most 64 KiB
};

/// Runs `function` in a child process, which reads nothing, leaves no core dump, is killed with all that it started
/// after `limit`, and ends without exit handlers, as the host does after a plugin's command.
Apart run_apart(const std::function<std::string()>& function, std::chrono::seconds limit);

}  // namespace lmf::host
