#include "train/launch/agent/run_folder.hpp"

#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <random>

#include <sys/stat.h>
#include <unistd.h>

#include <fmt/format.h>

#include "base/files.hpp"

namespace lmf::train::launch {
namespace {

namespace fs = std::filesystem;

/// A run id is the user's: it names a job, not a path.
std::string as_file_name(std::string name) {
  for (char& c : name)
    if (c == '/' || static_cast<unsigned char>(c) < ' ') c = '_';
  return name.substr(0, 100);
}

}  // namespace

std::string RunFolder::temporary_name() {
  std::error_code failed;
  fs::path folder = fs::temp_directory_path(failed);
  if (failed) folder = "/tmp";
  return (folder / fmt::format("lmf-run-{}-{:08x}", ::getpid(), static_cast<unsigned>(std::random_device()())))
      .string();
}

RunFolder::RunFolder(const std::string& log_folder, const std::string& temporary, const std::string& run_id,
                     bool holds_output)
    : stays_(!log_folder.empty() || holds_output), has_logs_(stays_) {
  if (log_folder.empty()) {
    // A folder that is there already is another's, and none of ours to remove.
    if (::mkdir(temporary.c_str(), 0700) != 0)
      throw file_error("make a folder for the workers' logs:", temporary, errno);
    parent_ = temporary;
  } else {
    std::error_code failed;
    fs::create_directories(log_folder, failed);
    if (failed || !fs::is_directory(log_folder, failed))
      throw Error(fmt::format("--log-dir: {} is no folder and cannot become one{}", log_folder,
                              failed ? fmt::format(": {}", failed.message()) : ""),
                  "name a folder that can be written to");
    parent_ = fs::absolute(log_folder).string();
  }
  path_ = fmt::format("{}/{}_XXXXXX", parent_, as_file_name(run_id));
  if (::mkdtemp(path_.data()) == nullptr) throw file_error("make a folder for the workers' logs:", path_, errno);
}

RunFolder::~RunFolder() {
  std::error_code ignored;
  if (!stays_) fs::remove_all(parent_, ignored);
}

std::string RunFolder::attempt(int number, int workers) const {
  const std::string folder = fmt::format("{}/attempt_{}", path_, number);
  const auto make = [](const std::string& path) {
    if (::mkdir(path.c_str(), 0777) != 0) throw file_error("make a folder for the workers' logs:", path, errno);
  };
  make(folder);
  for (int worker = 0; has_logs_ && worker < workers; ++worker) make(fmt::format("{}/{}", folder, worker));
  return folder;
}

std::string RunFolder::error_file(const std::string& attempt, int local_rank) const {
  return fmt::format("{}/{}{}error.json", attempt, local_rank, has_logs_ ? '/' : '.');
}

}  // namespace lmf::train::launch
