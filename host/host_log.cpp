#include "host/host_log.hpp"

#include <algorithm>
#include <cctype>
#include <vector>

#include <fmt/format.h>
#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/spdlog.h>

#include "base/printable.hpp"
#include "base/suggest.hpp"
#include "lmf/abi.h"
#include "lmf/error.hpp"

namespace lmf::host {
namespace {

struct LevelName {
  std::string_view name;
  log::Level level;
};
/// The words of --log-level, and the further ones that LLAMAFACTORY_VERBOSITY knows.
constexpr LevelName kLevels[] = {
    {"trace", log::Level::trace},  {"debug", log::Level::debug},    {"info", log::Level::info},
    {"warn", log::Level::warn},    {"error", log::Level::error},    {"off", log::Level::off},
    {"warning", log::Level::warn}, {"critical", log::Level::error}, {"fatal", log::Level::error},
    {"notset", log::Level::trace},
};

const LevelName* find_level(std::string name) {
  std::transform(name.begin(), name.end(), name.begin(), [](unsigned char c) { return std::tolower(c); });
  const auto* found =
      std::find_if(std::begin(kLevels), std::end(kLevels), [&](const auto& level) { return level.name == name; });
  return found == std::end(kLevels) ? nullptr : found;
}

log::Level log_level = log::Level::info;
std::string log_rank;

spdlog::level::level_enum spdlog_level(log::Level level) {
  switch (level) {
    case log::Level::trace:
      return spdlog::level::trace;
    case log::Level::debug:
      return spdlog::level::debug;
    case log::Level::info:
      return spdlog::level::info;
    case log::Level::warn:
      return spdlog::level::warn;
    case log::Level::error:
      return spdlog::level::err;
    case log::Level::off:
      break;
  }
  return spdlog::level::off;
}

spdlog::logger& logger() {
  static const std::shared_ptr<spdlog::logger> instance = [] {
    auto made = std::make_shared<spdlog::logger>("lmf", std::make_shared<spdlog::sinks::stderr_color_sink_mt>());
    made->set_level(spdlog_level(log_level));
    made->set_pattern("[%Y-%m-%d %H:%M:%S] [%^%l%$] " + (log_rank.empty() ? "" : "[rank " + log_rank + "] ") + "%v");
    made->flush_on(spdlog::level::trace);
    return made;
  }();
  return *instance;
}

}  // namespace

log::Level choose_log_level(const std::string* option, const Environment& environment, std::string& warning) {
  if (option != nullptr) {
    if (const LevelName* level = find_level(*option)) return level->level;
    std::vector<std::string> names;
    for (const auto& level : kLevels) names.emplace_back(level.name);
    throw Error(fmt::format("--log-level '{}' is unknown: expected trace, debug, info, warn, error or off.{}", *option,
                            did_you_mean(*option, names)),
                "", kExitUsage);
  }
  if (!environment.verbosity) return log::Level::info;
  if (const LevelName* level = find_level(*environment.verbosity)) return level->level;
  warning = fmt::format("LLAMAFACTORY_VERBOSITY is '{}', which is no log level; using info", *environment.verbosity);
  return log::Level::info;
}

void start_log(log::Level level, const std::string& rank) {
  log_level = level;
  log_rank = rank;
  log::set_sink(
      [](log::Level at, std::string_view text) {
        const std::string shown = printable(text);
        logger().log(spdlog_level(at), spdlog::string_view_t(shown));
      },
      level);
}

void log_from_plugin(void*, int level, const char* text, size_t length) noexcept {
  try {
    log::write(static_cast<log::Level>(std::clamp(level, LMF_LOG_TRACE, LMF_LOG_ERROR)),
               std::string_view(text, length));
  } catch (...) {  // a message is lost, for want of memory: no exception may pass through a plugin's C frames
  }
}

}  // namespace lmf::host
