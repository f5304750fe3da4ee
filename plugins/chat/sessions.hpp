#pragma once

#include "conversation.hpp"
#include "interrupts.hpp"

namespace lmf::chat {

// The three ways to be asked. Each returns the exit status.

/// Every prompt is answered by itself, one after the other, on standard output.
int answer_prompts(Conversation& conversation, const Arguments& arguments, Interrupts& interrupts);

/// Each line of standard input is the next message of one conversation; `clear` begins a new one, `exit` ends.
int answer_lines(Conversation& conversation, const Arguments& arguments, Interrupts& interrupts);

/// A person at a terminal.
int converse(Conversation& conversation, const Arguments& arguments, Interrupts& interrupts);

}  // namespace lmf::chat
