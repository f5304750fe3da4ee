#pragma once

#include <string>
#include <string_view>

#include "infer/engine.hpp"

namespace lmf::chat {

/// Whoever read our output is gone: nothing is left to do, and nothing to say. The program ends as by `signal`.
struct ReaderGone {
  int signal;
};

/// Writes all of `text` to the descriptor at once, without a buffer: an answer appears token by token. Throws
/// ReaderGone for a closed pipe and a terminal that hung up, Error naming the reason otherwise.
void write_out(int descriptor, std::string_view text);

/// A line in the log when an answer ended for another reason than that it was complete.
void explain_end(infer::Finish finish);

}  // namespace lmf::chat
