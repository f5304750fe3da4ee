#pragma once

#include <cstdio>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/log.hpp"
#include "train/worker/world.hpp"

namespace lmf::train {

/// What one of several ranks says, in a file of its own, output_dir/rank_logs/rank-N.log, since the console shows rank
/// 0's words alone. Every attempt adds to it, from a line on that says who begins; what was said is there also after a
/// crash. A process that is alone has none.
class RankLog {
 public:
  /// Keeps what is said in memory: the folder may be another run's, and a job that is refused leaves nothing there.
  RankLog(const std::filesystem::path& output_directory, const World& world);
  /// The run begins: from now on everything is in the file. Why it cannot be; that costs a warning, not the run: on a
  /// node that shares no output_dir there may be no right to make it.
  std::optional<std::string> open();
  void write(log::Level level, std::string_view text);

 private:
  void add(const std::string& lines);

  const int rank_;
  const std::filesystem::path path_;  // empty: alone
  std::string waiting_;
  bool begun_ = false;
  std::unique_ptr<std::FILE, int (*)(std::FILE*)> file_{nullptr, std::fclose};
};

}  // namespace lmf::train
