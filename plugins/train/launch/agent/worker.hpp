#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include <sys/types.h>

#include "train/launch/agent/worker_output.hpp"

namespace lmf::train::launch {

/// One worker that is to be started.
struct WorkerPlan {
  int local_rank = 0, rank = 0;
  std::vector<std::string> words;        ///< program and arguments
  std::string program;                   ///< the file: program_path() of the first word
  std::vector<std::string> environment;  ///< the whole of it, NAME=VALUE
  std::string error_file;                ///< TORCHELASTIC_ERROR_FILE
  bool hears_of_loss = false;            ///< knows kAttemptIsLost
};

/// How a worker ended.
struct Ending {
  int exit_code = 0;  ///< when signal is 0
  int signal = 0;
  std::chrono::system_clock::time_point when;
  std::string start_failure;  ///< why the program could not be started at all; "": it was

  bool good() const { return signal == 0 && exit_code == 0; }
  /// As a shell has it: 128+n for a signal.
  int status() const { return signal != 0 ? 128 + signal : exit_code; }
};

/// One process of the job, leader of its own session and process group: a Ctrl-C in the agent's terminal reaches the
/// agent alone, and whatever the worker starts can be ended with it. When the agent dies, the kernel kills it.
class Worker {
 public:
  /// Starts the process: it has become the program by the end of this, or failed to. Throws Error when there can be no
  /// further process.
  Worker(WorkerPlan plan, WorkerStreams streams);

  const WorkerPlan& plan() const { return plan_; }
  pid_t pid() const { return pid_; }
  const WorkerStreams& streams() const { return streams_; }
  const std::optional<Ending>& ending() const { return ending_; }
  bool told_to_stop() const { return told_to_stop_; }  ///< before it ended: its ending is the launcher's doing

  /// To the whole process group. Not after has_ended(): the number may be that of others by then.
  void signal_group(int signal) const;
  /// The same, and what it then ends with is no failure of its own.
  void tell_to_stop(int signal);
  /// To stop because others of the attempt have failed or are gone: SIGTERM, which says so to one that hears of it.
  void tell_of_loss();
  /// The process has ended (waitid's words): what is left of its group is told to stop too.
  void has_ended(int code, int status);

 private:
  WorkerPlan plan_;
  WorkerStreams streams_;
  std::string start_failure_;
  pid_t pid_ = -1;
  bool told_to_stop_ = false;
  std::optional<Ending> ending_;
};

/// The file that `name` is on PATH; `name` itself when it has a '/' or is nowhere.
std::string program_path(const std::string& name);

}  // namespace lmf::train::launch
