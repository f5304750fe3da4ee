#pragma once

#include <stdexcept>
#include <string>
#include <utility>

namespace lmf {

/// Exit statuses used everywhere: see README, "Exit statuses". 128+n means ended by signal n.
enum ExitStatus : int {
  kExitDone = 0,
  kExitFailed = 1,
  kExitUsage = 2,  ///< wrong option, wrong configuration
  kExitInternal = 70,
  kExitPluginUnusable = 126,
  kExitUnknownCommand = 127,
};

/// The command cannot go on. `what()` is shown to the user as it is: one sentence that names the value and its origin
/// (file:line, environment variable, "command line"); `hint()` is the next step. Never crosses a library's boundary:
/// the trampoline in lmf/plugin.hpp turns it into text and an exit status.
class Error : public std::runtime_error {
 public:
  explicit Error(const std::string& what_failed, std::string hint = {}, int exit_status = kExitFailed)
      : std::runtime_error(what_failed), hint_(std::move(hint)), exit_status_(exit_status) {}
  const std::string& hint() const noexcept { return hint_; }
  int exit_status() const noexcept { return exit_status_; }

 private:
  std::string hint_;
  int exit_status_;
};

}  // namespace lmf
