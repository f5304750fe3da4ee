#include "train/worker/rank_log.hpp"

#include <cerrno>
#include <chrono>
#include <cstring>

#include <fmt/chrono.h>
#include <fmt/format.h>

namespace lmf::train {
namespace {

constexpr const char* kNames[] = {"trace: ", "debug: ", "", "warning: ", "error: ", ""};  // of log::Level

std::string now() {
  const auto time = std::chrono::system_clock::now();
  const auto milliseconds = std::chrono::duration_cast<std::chrono::milliseconds>(time.time_since_epoch()).count();
  const std::time_t seconds = std::chrono::system_clock::to_time_t(time);
  std::tm local{};
  ::localtime_r(&seconds, &local);
  return fmt::format("{:%Y-%m-%d %H:%M:%S}.{:03}", local, milliseconds % 1000);
}

}  // namespace

RankLog::RankLog(const std::filesystem::path& output_directory, const World& world) {
  if (world.alone()) return;
  const auto path = output_directory / "rank_logs" / fmt::format("rank-{}.log", world.rank);
  std::error_code problem;
  std::filesystem::create_directories(path.parent_path(), problem);
  if (!problem) {
    file_.reset(std::fopen(path.c_str(), "ae"));  // what is there stays; no program that is started gets it
    if (!file_) problem.assign(errno, std::generic_category());
  }
  if (problem)
    log::warn("rank {} keeps no log of its own: cannot write {}: {}", world.rank, path.string(), problem.message());
  else
    write(log::Level::info, fmt::format("rank {} of {} begins, {}", world.rank, world.size, process_name()));
}

void RankLog::write(log::Level level, std::string_view text) {
  if (!file_) return;
  const std::string line = fmt::format("{} {}{}\n", now(), kNames[static_cast<std::size_t>(level)], text);
  std::fwrite(line.data(), 1, line.size(), file_.get());
  std::fflush(file_.get());
}

}  // namespace lmf::train
