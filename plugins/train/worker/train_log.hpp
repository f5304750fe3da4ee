#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <string>

#include <nlohmann/json.hpp>

namespace lmf::train {

/// trainer_log.jsonl in the output folder: one object a line for every logged step, appended at once, so that other
/// programs can follow a run.
class TrainLog {
 public:
  /// Keeps the lines up to `first_step` that an interrupted run left there and drops later ones, which will come again.
  TrainLog(const std::filesystem::path& directory, std::int64_t first_step, std::int64_t total_steps);
  /// `entry`: one of trainer_state.json's log_history, after `step` steps. `tokens_seen` 0: not counted.
  void add(const nlohmann::json& entry, std::int64_t step, std::int64_t tokens_seen);

 private:
  std::filesystem::path file_;
  std::int64_t total_steps_;
  std::chrono::steady_clock::time_point began_;
};

/// 3725.9 s to "1:02:05", a day and more to "1 day, 0:00:05", as Python prints a time span.
std::string clock_text(std::chrono::duration<double> time);

}  // namespace lmf::train
