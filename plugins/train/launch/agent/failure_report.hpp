#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "train/launch/agent/rendezvous.hpp"
#include "train/launch/agent/worker_group.hpp"

/// What is said about workers that failed: torchrun's table with what else is known, and error.json.
namespace lmf::train::launch {

struct Failure {
  int rank = 0, local_rank = 0;
  pid_t pid = 0;
  Ending ending;
  std::chrono::system_clock::time_point when;  ///< as its error file says, else when it ended
  std::string message;                         ///< of its error file; "": none
  std::vector<std::string> traceback;          ///< of its error file: the last lines of it
  std::string error_file;                      ///< "": it wrote none
  std::string cause;
  LastLines last;
};

struct FailureReport {
  std::string name, host;         ///< what was run, and where
  std::vector<Failure> failures;  ///< the first one, which is taken for the cause, in front
  std::vector<int> stopped;       ///< ranks that the launcher stopped because of it
  bool error_files_stay = false;  ///< worth naming

  const Failure& root() const { return failures.front(); }
  /// "rank 1 on HOST (pid 12) ended with exit code 3": for the other nodes.
  std::string sentence() const;
  /// Several lines, ends with a newline.
  std::string table() const;
};

/// Of a group of which one has failed.
FailureReport report_failures(const WorkerGroup& group, std::string name, std::uint64_t out_of_memory_kills_before,
                              const Assignment& assignment);

/// For whoever started this agent, as torchrun does it: the root's error file with its exit code, written to `path`.
void write_error_file(const FailureReport& report, const std::string& path);

}  // namespace lmf::train::launch
