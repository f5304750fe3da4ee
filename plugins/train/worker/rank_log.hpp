#pragma once

#include <cstdio>
#include <filesystem>
#include <memory>
#include <string_view>

#include "base/log.hpp"
#include "train/worker/world.hpp"

namespace lmf::train {

/// What one of several ranks says, in a file of its own, output_dir/rank_logs/rank-N.log, since the console shows rank
/// 0's words alone. Every attempt adds to it, from a line on that says who begins; what was said is there also after a
/// crash.
class RankLog {
 public:
  /// A process that is alone has none. A file that cannot be written costs a warning, not the run: on a node that
  /// shares no output_dir there may be no right to make it.
  RankLog(const std::filesystem::path& output_directory, const World& world);
  void write(log::Level level, std::string_view text);

 private:
  std::unique_ptr<std::FILE, int (*)(std::FILE*)> file_{nullptr, std::fclose};
};

}  // namespace lmf::train
