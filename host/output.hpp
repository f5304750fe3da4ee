#pragma once

#include <string>

#include "host/environment.hpp"

namespace lmf::host {

/// Writes out what the process printed. Throws Error when any of it is lost (a full disk, a closed output): a program
/// whose answer nobody got has not succeeded.
void flush_output();

/// Prints an answer on standard output, at once. Returns kExitDone.
int print(const std::string& text);

/// "lmf: NOTICE" on standard error.
void say(const Environment& environment, const std::string& notice);

}  // namespace lmf::host
