#pragma once

#include <atomic>
#include <functional>
#include <vector>

#include "infer/engine.hpp"

namespace lmf::infer {

struct Answer {
  std::vector<std::int32_t> ids;
  End end;
};

/// Asks the engine and waits for the whole answer. `on_token` is called on this thread, for every token as soon as it
/// is there. `cancelled` (a signal handler may set it) is looked at some fifty times a second. Throws what made the
/// answer fail.
Answer generate(Engine& engine, Request request, const std::function<void(std::int32_t)>& on_token,
                const std::atomic<bool>& cancelled);

}  // namespace lmf::infer
