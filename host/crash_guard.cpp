#include "host/crash_guard.hpp"

#include <array>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <exception>

#include <unistd.h>

#include <fmt/format.h>

#include "base/printable.hpp"

namespace lmf::host {
namespace {

struct FatalSignal {
  int number;
  const char* name;
};
constexpr FatalSignal kSignals[] = {
    {SIGSEGV, "segmentation fault"}, {SIGBUS, "bus error"}, {SIGILL, "illegal instruction"},
    {SIGFPE, "arithmetic error"},    {SIGABRT, "abort"},
};

constexpr std::size_t kLineCapacity = 2048;
/// Written before the handlers are set, only read in them: a handler may not allocate or format.
std::array<std::array<char, kLineCapacity>, std::size(kSignals)> signal_lines;
std::string terminate_line;
volatile std::sig_atomic_t explained = 0;
alignas(16) std::array<char, 64 * 1024> handler_stack;  // a stack overflow leaves none of its own

void on_fatal_signal(int number) {
  for (std::size_t i = 0; explained == 0 && i < std::size(kSignals); ++i)
    if (kSignals[i].number == number) {
      [[maybe_unused]] const auto written =
          ::write(STDERR_FILENO, signal_lines[i].data(), std::strlen(signal_lines[i].data()));
    }
  explained = 1;
  std::signal(number, SIG_DFL);
  std::raise(number);  // delivered when this handler returns
}

[[noreturn]] void on_terminate() {
  std::string cause = "an exception of unknown type";
  if (const std::exception_ptr current = std::current_exception()) {
    try {
      std::rethrow_exception(current);
    } catch (const std::exception& error) {
      cause = error.what();
    } catch (...) {
    }
  }
  const std::string line = terminate_line + printable(cause) + "\n";
  [[maybe_unused]] const auto written = ::write(STDERR_FILENO, line.data(), line.size());
  explained = 1;
  std::abort();
}

}  // namespace

void guard_against_crashes(const std::string& program, const std::string& plugin) {
  for (std::size_t i = 0; i < std::size(kSignals); ++i) {
    const std::string line =
        fmt::format("\n{}: the plugin {} crashed ({}). Please report it with the output of '{} env'.\n", program,
                    plugin, kSignals[i].name, program);
    signal_lines[i].fill('\0');
    line.copy(signal_lines[i].data(), kLineCapacity - 1);
  }
  terminate_line = fmt::format("{}: the plugin {} let an exception escape: ", program, plugin);
  std::set_terminate(on_terminate);
  stack_t stack{};
  stack.ss_sp = handler_stack.data();
  stack.ss_size = handler_stack.size();
  ::sigaltstack(&stack, nullptr);
  struct sigaction action {};
  action.sa_handler = on_fatal_signal;
  action.sa_flags = SA_ONSTACK;
  for (const FatalSignal& fatal : kSignals) ::sigaction(fatal.number, &action, nullptr);
}

}  // namespace lmf::host
