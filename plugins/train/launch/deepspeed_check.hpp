#pragma once

#include <optional>

#include "config/options.hpp"

namespace lmf::train {

/// Why the DeepSpeed configuration that the option `deepspeed` names or holds asks for something else than plain data
/// parallel training, which is what lmf does on several processes: ZeRO stage 0 without an optimiser of its own.
std::optional<config::Problem> deepspeed_problem(const config::Options& options);

}  // namespace lmf::train
