#include "train/worker/checkpoints.hpp"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include <fcntl.h>

#include <fmt/format.h>

#include "base/files.hpp"
#include "base/log.hpp"
#include "lmf/error.hpp"

namespace lmf::train {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kUnfinished = "unfinished-checkpoint-";  // being filled, or being removed

/// Renamed first: a kill in the middle of removing must not leave something that looks like a checkpoint.
void remove_checkpoint(const fs::path& folder) {
  const fs::path doomed = folder.parent_path() / fmt::format("{}{}-removed", kUnfinished, folder.filename().string());
  std::error_code ignored;
  fs::remove_all(doomed, ignored);
  fs::rename(folder, doomed);
  fs::remove_all(doomed, ignored);
}

/// Lets two folders change names in one step. False where the file system cannot.
bool exchange(const fs::path& a, const fs::path& b) {
  if (::renameat2(AT_FDCWD, a.c_str(), AT_FDCWD, b.c_str(), RENAME_EXCHANGE) == 0) return true;
  if (errno == EINVAL || errno == ENOSYS || errno == EOPNOTSUPP) return false;
  throw fs::filesystem_error("rename", a, b, std::error_code(errno, std::generic_category()));
}

/// However they are written.
bool is_same(const fs::path& a, const fs::path& b) {
  std::error_code ignored;
  return fs::equivalent(a, b, ignored);
}

/// "checkpoint-5-earlier-1"
fs::path free_name_for_earlier(const fs::path& checkpoint) {
  for (int i = 1;; ++i) {
    const fs::path name = fmt::format("{}-earlier-{}", checkpoint.string(), i);
    if (!fs::exists(name)) return name;
  }
}

}  // namespace

void replace_by_renaming(const fs::path& unfinished, const fs::path& finished) {
  fs::remove_all(replaced_path(finished));
  fs::rename(finished, replaced_path(finished));
  fs::rename(unfinished, finished);
}

Checkpoints::Checkpoints(fs::path output_directory, std::int64_t keep, std::int64_t run, bool replace_earlier)
    : output_directory_(std::move(output_directory)), keep_(keep), run_(run), replace_earlier_(replace_earlier) {
  std::error_code error;
  fs::create_directories(output_directory_, error);
  if (error) {
    throw Error(fmt::format("cannot create output_dir {}: {}", output_directory_.string(), error.message()),
                "choose a folder that can be written", kExitUsage);
  }
  std::vector<fs::path> leftovers;
  for (const auto& entry : fs::directory_iterator(output_directory_)) {
    if (entry.path().filename().string().starts_with(kUnfinished)) leftovers.push_back(entry.path());
  }
  for (const CheckpointFolder& checkpoint : checkpoints_in(output_directory_)) {
    if (fs::exists(replaced_path(checkpoint.path))) leftovers.push_back(replaced_path(checkpoint.path));
  }
  for (const fs::path& leftover : leftovers) fs::remove_all(leftover);
  remove_abandoned_files(output_directory_);
}

std::string Checkpoints::way_on() const {
  const auto last = newest_checkpoint(output_directory_);
  return last && last->run == run_ ? fmt::format("make room and resume from {}, which is whole", last->path.string())
                                   : "make room and start again: this run has no checkpoint yet";
}

void Checkpoints::require_space(std::uint64_t bytes) const {
  constexpr std::uint64_t kMebibyte = 1 << 20;
  const std::uint64_t reserve = std::min(16 * kMebibyte, kMebibyte + bytes / 8);
  const fs::space_info space = fs::space(output_directory_);
  if (space.available >= bytes + reserve) return;
  const auto mebibytes = [](std::uint64_t size) { return static_cast<double>(size) / static_cast<double>(kMebibyte); };
  throw Error(
      fmt::format(
          "{} has {:.1f} MiB free; the tensors of a checkpoint take {:.1f} MiB, and {:.1f} MiB are kept for its "
          "tokenizer and the logs",
          output_directory_.string(), mebibytes(space.available), mebibytes(bytes), mebibytes(reserve)),
      way_on() + "; a lower save_total_limit or save_only_model: true needs less");
}

fs::path Checkpoints::write(std::int64_t step, std::uint64_t bytes, const std::function<void(const fs::path&)>& fill,
                            const fs::path& best) const {
  require_space(bytes);
  const fs::path unfinished = output_directory_ / fmt::format("{}{}", kUnfinished, step);
  const fs::path finished = checkpoint_path(output_directory_, step);
  try {
    fs::remove_all(unfinished);
    fs::create_directory(unfinished);
    fill(unfinished);
    flush_folder(unfinished);
    put_in_place(unfinished, finished);
  } catch (const std::exception& problem) {
    std::error_code ignored;
    fs::remove_all(unfinished, ignored);
    throw Error(fmt::format("cannot write {}: {}", finished.string(), problem.what()), way_on());
  }
  flush_folder(output_directory_);
  rotate(finished, best);
  return finished;
}

void Checkpoints::put_in_place(const fs::path& unfinished, const fs::path& finished) const {
  const auto old = checkpoint_at(finished);
  const bool own = old && old->run == run_;
  if (fs::exists(finished) && !own && !replace_earlier_) fs::rename(finished, free_name_for_earlier(finished));
  if (!fs::exists(finished)) {
    fs::rename(unfinished, finished);
  } else if (!exchange(unfinished, finished)) {
    replace_by_renaming(unfinished, finished);
  }
  std::error_code ignored;  // the new one is in its place, whatever becomes of the old one
  for (const fs::path& left : {unfinished, replaced_path(finished)}) fs::remove_all(left, ignored);
}

std::vector<fs::path> Checkpoints::own() const {
  std::vector<fs::path> own;
  for (const CheckpointFolder& checkpoint : checkpoints_in(output_directory_)) {
    if (checkpoint.run == run_) own.push_back(checkpoint.path);
  }
  return own;
}

bool Checkpoints::has(std::int64_t step) const {
  const auto found = checkpoint_at(checkpoint_path(output_directory_, step));
  return found && found->run == run_;
}

void Checkpoints::rotate(const fs::path& newest, const fs::path& best) const {
  if (keep_ <= 0) return;
  std::vector<fs::path> removable = own();
  auto surplus = std::ssize(removable) - keep_;
  std::erase_if(removable, [&](const fs::path& one) { return one == newest || is_same(one, best); });
  surplus = std::min(surplus, std::ssize(removable));
  for (std::ptrdiff_t i = 0; i < surplus; ++i) {
    remove_checkpoint(removable[static_cast<std::size_t>(i)]);
    log::debug("removed {} (save_total_limit {})", removable[static_cast<std::size_t>(i)].string(), keep_);
  }
}

void Checkpoints::leave_only(const fs::path& one) const {
  for (const fs::path& checkpoint : own()) {
    if (!is_same(checkpoint, one)) remove_checkpoint(checkpoint);
  }
}

}  // namespace lmf::train
