#pragma once

#include <string>

#include "host/environment.hpp"

namespace lmf::host {

/// Writes out what the process printed. Throws Error when any of it is lost (a full disk, a closed output): a program
/// whose answer nobody got has not succeeded.
void flush_output();

/// Prints an answer on standard output, at once. Returns kExitDone.
int print(const std::string& text);

/// Ends the process with what it printed, and without its exit handlers and static destructors: threads that a plugin
/// left running still use what those take away (libtorch's tables, for one), and would turn its status into a crash.
[[noreturn]] void leave(int status);

/// "lmf: NOTICE" on standard error.
void say(const Environment& environment, const std::string& notice);

}  // namespace lmf::host
