#pragma once

#include <string>

#include "train/launch/rendezvous/group_state.hpp"

namespace lmf::train::launch {

/// What of a node's facts (version, build, configuration) differs from this one's: a sentence, "" when nothing does.
std::string difference(const Node& self, const Node& other);

/// How far the node's clock is from this one's, when it has just written its entry: a sentence if more than 5 s, ""
/// otherwise. Logs and time stamps of checkpoints would mislead; nothing of the rendezvous compares clocks.
std::string clock_difference(const Node& other, std::int64_t now);

/// The wall clock in ms since 1970.
std::int64_t wall_clock();

}  // namespace lmf::train::launch
