#include "train/worker/rank_log.hpp"

#include <cerrno>
#include <chrono>
#include <cstring>
#include <utility>

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

RankLog::RankLog(const std::filesystem::path& output_directory, const World& world)
    : rank_(world.rank),
      path_(world.alone() ? "" : output_directory / "rank_logs" / fmt::format("rank-{}.log", world.rank)) {
  write(log::Level::info, fmt::format("rank {} of {} begins, {}", world.rank, world.size, process_name()));
}

std::optional<std::string> RankLog::open() {
  if (path_.empty()) return std::nullopt;
  begun_ = true;
  std::error_code problem;
  std::filesystem::create_directories(path_.parent_path(), problem);
  if (!problem) {
    file_.reset(std::fopen(path_.c_str(), "ae"));  // what is there stays; no program that is started gets it
    if (!file_) problem.assign(errno, std::generic_category());
  }
  add(std::exchange(waiting_, {}));
  if (!problem) return std::nullopt;
  return fmt::format("rank {} keeps no log of its own: cannot write {}: {}", rank_, path_.string(), problem.message());
}

void RankLog::write(log::Level level, std::string_view text) {
  if (path_.empty()) return;
  add(fmt::format("{} {}{}\n", now(), kNames[static_cast<std::size_t>(level)], text));
}

void RankLog::add(const std::string& lines) {
  if (!begun_) waiting_ += lines;
  if (!file_) return;
  std::fwrite(lines.data(), 1, lines.size(), file_.get());
  std::fflush(file_.get());
}

}  // namespace lmf::train
