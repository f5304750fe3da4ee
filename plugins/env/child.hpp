#pragma once

#include <chrono>
#include <functional>
#include <string>

namespace lmf::env {

/// What `work` writes to the descriptor it is given, run in a child process: whatever it loads there can crash or hang
/// without harming this one. Its standard error is discarded. Throws Error saying how it ended when that is not well:
/// by a signal, or with a status above `well`.
std::string in_child(const std::function<void(int output)>& work, int well = 0,
                     std::chrono::seconds limit = std::chrono::seconds(30));

/// Writes all of `text`; for `work`.
void write_all(int output, const std::string& text);

}  // namespace lmf::env
