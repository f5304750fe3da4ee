#pragma once

#include <cstddef>
#include <functional>

#include <c10/util/Exception.h>

#include "lmf/error.hpp"

namespace lmf::model {

/// What libtorch throws as an error of ours: its first line, as the rest is a backtrace, which goes to the debug log;
/// `out_of_memory` where it says that.
Error explain(const c10::Error& problem, const Error& out_of_memory);

/// Runs `work` for a caller beyond a border of C: its status, or that of what it throws, whose words and next step are
/// put into `error`.
int guarded(const std::function<int()>& work, const Error& out_of_memory, char* error, std::size_t capacity) noexcept;

}  // namespace lmf::model
