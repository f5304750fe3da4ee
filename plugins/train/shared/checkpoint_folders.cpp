#include "train/shared/checkpoint_folders.hpp"

#include <algorithm>
#include <charconv>
#include <initializer_list>
#include <string_view>
#include <system_error>
#include <tuple>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "base/files.hpp"
#include "lmf/error.hpp"
#include "model/adapter_folder.hpp"
#include "model/config_file.hpp"
#include "train/shared/trainer_state.hpp"

namespace lmf::train {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kPrefix = "checkpoint-", kReplaced = "-replaced";
constexpr const char* kLastRunFile = ".lmf-last-run";
constexpr std::uint64_t kLargestNote = 1 << 20;

/// N of checkpoint-N; none for another name.
std::optional<std::int64_t> step_of(std::string_view name) {
  if (!name.starts_with(kPrefix)) return std::nullopt;
  std::int64_t step = -1;
  const auto [end, error] = std::from_chars(name.data() + kPrefix.size(), name.data() + name.size(), step);
  if (error != std::errc() || end != name.data() + name.size() || step < 0) return std::nullopt;
  return step;
}

/// What a checkpoint of any program has at least one of.
bool holds_a_checkpoint(const fs::path& folder) {
  std::error_code ignored;
  return std::ranges::any_of(
      std::initializer_list<const char*>{kTrainerStateFile, kRunStateFile, "config.json", model::kAdapterConfigFile},
      [&](const char* name) { return fs::exists(folder / name, ignored); });
}

/// 0 where there is none that makes sense; a bound keeps the next run's from overflowing.
std::int64_t run_in(const nlohmann::json& note) {
  constexpr std::int64_t kMost = std::int64_t{1} << 53;
  const auto run = note.find("run");
  return run != note.end() && run->is_number_integer() ? std::clamp<std::int64_t>(run->get<std::int64_t>(), 0, kMost)
                                                       : 0;
}

/// What lmf noted in a file. An empty object for one that is missing or damaged: whoever resumes from it is told so.
nlohmann::json note_in(const fs::path& file) {
  std::error_code ignored;
  if (!fs::exists(file, ignored)) return nlohmann::json::object();
  try {
    return model::ConfigObject::read_file(file, kLargestNote);
  } catch (const Error&) {
  }
  return nlohmann::json::object();
}

/// Of those that have written in the folder.
std::int64_t last_run(const fs::path& output_directory, const std::vector<CheckpointFolder>& oldest_first) {
  const std::int64_t noted = run_in(note_in(output_directory / kLastRunFile));
  return oldest_first.empty() ? noted : std::max(noted, oldest_first.back().run);
}

/// The last run's; null where that has left none.
const CheckpointFolder* newest_of(const fs::path& output_directory, const std::vector<CheckpointFolder>& oldest_first) {
  if (oldest_first.empty() || oldest_first.back().run < last_run(output_directory, oldest_first)) return nullptr;
  return &oldest_first.back();
}

bool goes_on(const std::optional<fs::path>& start, const CheckpointFolder* newest) {
  std::error_code ignored;
  return start && newest && fs::equivalent(*start, newest->path, ignored);
}

}  // namespace

fs::path checkpoint_path(const fs::path& output_directory, std::int64_t step) {
  return output_directory / fmt::format("{}{}", kPrefix, step);
}

fs::path replaced_path(const fs::path& checkpoint) { return checkpoint.string() + std::string(kReplaced); }

std::optional<CheckpointFolder> checkpoint_at(const fs::path& folder) {
  std::error_code ignored;
  const std::string name = folder.filename().string();
  std::string_view own_name = name;
  if (own_name.ends_with(kReplaced)) {
    own_name.remove_suffix(kReplaced.size());
    if (fs::exists(folder.parent_path() / own_name, ignored)) return std::nullopt;
  }
  const auto step = step_of(own_name);
  if (!step || !holds_a_checkpoint(folder)) return std::nullopt;
  const auto note = note_in(folder / kRunStateFile);
  const auto job = note.find("job");
  return CheckpointFolder{.path = folder,
                          .step = *step,
                          .run = run_in(note),
                          .job = job != note.end() && job->is_string() ? job->get<std::string>() : ""};
}

std::vector<CheckpointFolder> checkpoints_in(const fs::path& output_directory) {
  std::vector<CheckpointFolder> found;
  // Not to be thrown by a disk that fails: also what is to be done then asks what is there.
  std::error_code failed;
  for (fs::directory_iterator entry(output_directory, failed), end; !failed && entry != end; entry.increment(failed)) {
    if (auto checkpoint = checkpoint_at(entry->path())) found.push_back(std::move(*checkpoint));
  }
  std::sort(found.begin(), found.end(), [](const CheckpointFolder& a, const CheckpointFolder& b) {
    return std::tie(a.run, a.step) < std::tie(b.run, b.step);
  });
  return found;
}

std::optional<CheckpointFolder> newest_checkpoint(const fs::path& output_directory) {
  const auto found = checkpoints_in(output_directory);
  const CheckpointFolder* newest = newest_of(output_directory, found);
  return newest ? std::optional(*newest) : std::nullopt;
}

void begin_run(const fs::path& output_directory, std::int64_t run, const std::optional<fs::path>& start) {
  const auto found = checkpoints_in(output_directory);
  if (goes_on(start, newest_of(output_directory, found))) return;
  const bool first = found.empty() && !fs::exists(output_directory / kLastRunFile);
  if (first || last_run(output_directory, found) == run) return;
  write_file_atomically(output_directory / kLastRunFile, nlohmann::json{{"run", run}}.dump() + "\n");
}

std::int64_t run_number(const fs::path& output_directory, const std::optional<fs::path>& start) {
  const auto found = checkpoints_in(output_directory);
  const CheckpointFolder* newest = newest_of(output_directory, found);
  return goes_on(start, newest) && newest->run > 0 ? newest->run : last_run(output_directory, found) + 1;
}

}  // namespace lmf::train
