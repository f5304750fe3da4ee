#pragma once

#include <string>
#include <vector>

#include "conversation.hpp"
#include "interrupts.hpp"

namespace lmf::chat {

// The three ways to be asked. Each returns the exit status.

/// Every prompt is answered by itself, one after the other, on standard output.
int answer_prompts(Conversation& conversation, const std::vector<std::string>& prompts, Interrupts& interrupts);

/// Each line of standard input is the next message of one conversation; `clear` begins a new one, `exit` ends.
int answer_lines(Conversation& conversation, Interrupts& interrupts);

/// A person at a terminal.
int converse(Conversation& conversation, Interrupts& interrupts);

}  // namespace lmf::chat
