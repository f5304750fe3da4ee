#include "train/worker/train_log.hpp"

#include <cstdio>
#include <cstring>
#include <memory>
#include <sstream>

#include <fmt/format.h>

#include "base/files.hpp"
#include "lmf/error.hpp"
#include "train/worker/speed_metrics.hpp"

namespace lmf::train {
namespace {

/// The lines of an earlier run that a run going on after `first_step` does not write again.
std::string lines_up_to(const std::string& text, std::int64_t first_step) {
  std::string kept;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    const auto entry = nlohmann::json::parse(line, nullptr, /*allow_exceptions=*/false);
    // A line cut short by a kill is dropped; so is the summary of a run that had ended.
    if (!entry.is_object() || !entry.contains("current_steps")) continue;
    if (!entry.contains("loss") && !entry.contains("eval_loss")) continue;
    const auto& step = entry["current_steps"];
    if (step.is_number_integer() && step.get<std::int64_t>() <= first_step) kept += line + "\n";
  }
  return kept;
}

}  // namespace

std::string clock_text(std::chrono::duration<double> time) {
  const auto seconds = static_cast<std::int64_t>(time.count());
  const std::int64_t days = seconds / 86400;
  const std::string clock = fmt::format("{}:{:02}:{:02}", seconds / 3600 % 24, seconds / 60 % 60, seconds % 60);
  return days == 0 ? clock : fmt::format("{} day{}, {}", days, days == 1 ? "" : "s", clock);
}

TrainLog::TrainLog(const std::filesystem::path& directory, std::int64_t first_step, std::int64_t total_steps)
    : file_(directory / "trainer_log.jsonl"), total_steps_(total_steps), began_(std::chrono::steady_clock::now()) {
  if (!std::filesystem::exists(file_)) return;
  const std::string kept = first_step > 0 ? lines_up_to(read_file(file_), first_step) : std::string();
  if (kept.empty())
    std::filesystem::remove(file_);
  else
    write_file_atomically(file_, kept);
}

void TrainLog::add(const nlohmann::json& entry, std::int64_t step, std::int64_t tokens_seen) {
  const std::chrono::duration<double> elapsed = std::chrono::steady_clock::now() - began_;
  const auto steps = static_cast<double>(step), total = static_cast<double>(total_steps_);
  nlohmann::ordered_json line = {{"current_steps", step}, {"total_steps", total_steps_}};
  if (entry.contains("loss")) line["loss"] = entry["loss"];
  if (entry.contains("eval_loss")) line["eval_loss"] = entry["eval_loss"];
  if (entry.contains("learning_rate")) line["lr"] = entry["learning_rate"];
  line["epoch"] = entry.at("epoch");
  line["percentage"] = rounded(steps / total * 100.0, 2);
  line["elapsed_time"] = clock_text(elapsed);
  line["remaining_time"] = clock_text(elapsed / std::max(steps, 1.0) * (total - steps));
  if (tokens_seen > 0) {
    line["throughput"] = rounded(static_cast<double>(tokens_seen) / std::max(elapsed.count(), 1e-9), 2);
    line["total_tokens"] = tokens_seen;
  }
  const std::string text = line.dump() + "\n";
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> file(std::fopen(file_.c_str(), "ab"), std::fclose);
  if (!file || std::fwrite(text.data(), 1, text.size(), file.get()) != text.size() || std::fflush(file.get()) != 0) {
    throw Error(fmt::format("cannot write {}: {}", file_.string(), std::strerror(errno)),
                "the last checkpoint is whole: make room and resume from it");
  }
}

}  // namespace lmf::train
