#pragma once

#include <string>

#include "train/launch/variables.hpp"

namespace lmf::train {

/// This process was to be one of the workers and will not come where they meet: leaves `reason` in their store as its
/// last words, which ends them. The environment says the place, as a worker's; as rank 0 it hosts the store for as long
/// as they need to come and read it, or for a bounded time. Nothing is thrown: who cannot be told waits for itself.
void tell_other_workers(const Environment& environment, const std::string& reason) noexcept;

}  // namespace lmf::train
