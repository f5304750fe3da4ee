#pragma once

#include <functional>
#include <string>
#include <string_view>

#include <fmt/format.h>

/// Messages for the person who runs the command. The host owns spdlog; inside a plugin every message goes through the
/// sink that the trampoline sets (the host's C callback). Results (what a command is asked for) go to stdout, not here.
namespace lmf::log {

enum class Level { trace, debug, info, warn, error, off };  // the numbers of LMF_LOG_* in lmf/abi.h

using Sink = std::function<void(Level, std::string_view)>;

/// Replaces the sink (default: stderr, info and above). Call before threads start.
void set_sink(Sink sink, Level level);
Level level();
void write(Level level, std::string_view text);

template <class... Arguments>
void write_formatted(Level at, fmt::format_string<Arguments...> format, Arguments&&... arguments) {
  if (at >= level()) write(at, fmt::format(format, std::forward<Arguments>(arguments)...));
}
template <class... A>
void debug(fmt::format_string<A...> f, A&&... a) {
  write_formatted(Level::debug, f, std::forward<A>(a)...);
}
template <class... A>
void info(fmt::format_string<A...> f, A&&... a) {
  write_formatted(Level::info, f, std::forward<A>(a)...);
}
template <class... A>
void warn(fmt::format_string<A...> f, A&&... a) {
  write_formatted(Level::warn, f, std::forward<A>(a)...);
}
template <class... A>
void error(fmt::format_string<A...> f, A&&... a) {
  write_formatted(Level::error, f, std::forward<A>(a)...);
}

}  // namespace lmf::log
